"""Does the network look at the thing, or at a corner of the background?

Where the photographs of a class share a date stamp, a watermark or a table's edge, the network learns that,
and fails where it is missing. Heat alone can't prove it: some backbones are warm in one corner on every
picture (LOG.md). So each corner is covered in turn (occlusion: Zeiler and Fergus 2014), and the warning
depends on what that costs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image

Float = NDArray[np.float32]

# Of the picture's width and height: a corner is a sixteenth of its area, and holds a date stamp or a mark.
SIDE = 0.25
CORNERS = ("top left", "top right", "bottom left", "bottom right")
PLACES = {
    "top left": (0.0, 0.0),
    "top right": (0.0, 1.0),
    "bottom left": (1.0, 0.0),
    "bottom right": (1.0, 1.0),
    "centre": (0.5, 0.5),
}
# The standard error of fewer pictures means nothing.
MIN_PICTURES = 5
# Real sets came to 0.02 at most, planted marks that were learnt to 0.13 at least (LOG.md).
MAX_LOSS = 0.1
# Standard errors of a one-sided 95 % bound.
ONE_SIDED_95 = 1.64


@dataclass(frozen=True, slots=True)
class OcclusionSample:
    """One picture called `label`: its heat (h, w), and the score lost by covering each of PLACES (5,)."""

    label: str
    heat: Float
    losses: Float


@dataclass(frozen=True, slots=True)
class OcclusionResult:
    """The means over `count` pictures that were called `label`.

    heat: in each of CORNERS, as a multiple of an even spread. losses: of the answer's score when each of
    PLACES is covered. errors: the standard errors of what each corner costs more than the centre.
    """

    label: str
    count: int
    heat: tuple[float, ...]
    losses: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def worst(self) -> str:
        """The corner that costs most when it is covered."""
        return CORNERS[int(np.argmax(self.losses[: len(CORNERS)]))]

    @property
    def warns(self) -> bool:
        """Whether the answer surely hangs on one corner by MAX_LOSS more than on the centre."""
        place = CORNERS.index(self.worst)
        surely = self.losses[place] - self.losses[-1] - ONE_SIDED_95 * self.errors[place]
        return self.count >= MIN_PICTURES and surely > MAX_LOSS

    @property
    def text(self) -> str:
        """The warning in words."""
        place = CORNERS.index(self.worst)
        return (
            f"“{self.label}” is recognised by the {self.worst} corner: covering it lowers the score by "
            f"{self.losses[place]:.2f} on average, covering the centre by {max(0.0, self.losses[-1]):.2f}"
        )


def cover(image: Image, place: str) -> Image:
    """A copy of an image (h, w, 3) with one of PLACES filled with its mean colour."""
    down, right = PLACES[place]
    height, width = image.shape[:2]
    tall, wide = round(height * SIDE), round(width * SIDE)
    top, left = round((height - tall) * down), round((width - wide) * right)
    changed = image.copy()
    changed[top : top + tall, left : left + wide] = image.mean(axis=(0, 1)).round().astype(np.uint8)
    return changed


def corner_heat(heat: Float) -> Float:
    """Heat (h, w) in each corner per area, 1 where it is spread evenly, float32 (4,); all 0 without heat."""
    total = max(float(heat.sum()), 1e-9)
    rows, columns = _edges(heat.shape[0]), _edges(heat.shape[1])
    parts = [row @ heat @ column for row in rows for column in columns]
    return np.asarray(parts, np.float32) / np.float32(total * SIDE**2)


def by_label(samples: Iterable[OcclusionSample]) -> tuple[OcclusionResult, ...]:
    """The means over the pictures of each answer, those with a warning first."""
    found: dict[str, list[OcclusionSample]] = defaultdict(list)
    for sample in samples:
        found[sample.label].append(sample)
    results = [_mean(label, some) for label, some in found.items()]
    return tuple(sorted(results, key=lambda result: (not result.warns, result.label)))


def _mean(label: str, samples: list[OcclusionSample]) -> OcclusionResult:
    heat = np.stack([corner_heat(sample.heat) for sample in samples])
    losses = np.stack([sample.losses for sample in samples]).astype(np.float64)
    count = len(samples)
    more = losses[:, : len(CORNERS)] - losses[:, len(CORNERS) :]
    errors = more.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(CORNERS), np.inf)
    means = (tuple(float(v) for v in values) for values in (heat.mean(axis=0), losses.mean(axis=0), errors))
    return OcclusionResult(label, count, *means)


def _edges(cells: int) -> tuple[Float, Float]:
    """How much of each of `cells` equal cells lies in the first and in the last quarter."""
    ends = np.arange(cells + 1) / cells
    first = (np.clip(SIDE - ends[:-1], 0, 1 / cells) * cells).astype(np.float32)
    return first, first[::-1]
