"""Is an exported file still what was trained? Its decisions on test photographs against the network's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import ExportError
from training.export.exchange import Float, Loaded, Pixels, translate_failures
from training.export.formats import Tolerance
from training.progress import Reporter

# A few pictures at a time fit any memory, and progress can be shown.
BATCH = 8


@dataclass(frozen=True, slots=True)
class Check:
    """How two networks differ on the same `count` pictures: share of equal decisions, farthest two scores."""

    count: int
    agreement: float
    largest_difference: float

    def within(self, tolerance: Tolerance) -> bool:
        """Whether that is near enough."""
        return self.agreement >= tolerance.agreement and self.largest_difference <= tolerance.difference


def scores_of(what: str, loaded: Loaded, pixels: Pixels, reporter: Reporter) -> Float:
    """Scores (n, labels) of uint8 RGB pictures (n, h, w, 3); raises ExportError where the library fails."""
    batches = np.array_split(pixels, range(BATCH, len(pixels), BATCH))
    rows = []
    with reporter.steps(f"running {what}", len(batches)) as step, translate_failures(f"can't run {what}"):
        for batch in batches:
            rows.append(loaded.scores(batch))
            step()
        return np.concatenate(rows)


def compare(found: Float, reference: Float) -> Check:
    """Compare scores (n, labels); those of another shape agree in nothing, and NaN is as far as can be."""
    if found.shape != reference.shape:
        return Check(len(reference), 0.0, 1.0)
    difference = np.nan_to_num(np.abs(found - reference), nan=1.0, posinf=1.0)
    same: NDArray[np.bool_] = found.argmax(axis=1) == reference.argmax(axis=1)
    return Check(len(reference), float(same.mean()), float(difference.max()))


def require(check: Check, tolerance: Tolerance, what: str, advice: str) -> None:
    """Raise ExportError with the figures where a network differs by more than is allowed."""
    if check.within(tolerance):
        return
    same = round(check.agreement * check.count)
    why = (
        f"{same} of {check.count} decisions are the same ({tolerance.agreement:.3f} of them must be), "
        f"scores are up to {check.largest_difference:.4f} apart ({tolerance.difference:g} is allowed)"
    )
    raise ExportError(what, why, advice)
