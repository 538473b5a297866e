"""From which score on an answer counts: chosen on validation data for a wanted precision.

All precisions are estimates, (right + 1) / (answered + 2), after Laplace: few pictures never count as proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.intervals import Interval, wilson

Float = NDArray[np.float32]
Int = NDArray[np.int64]
Double = NDArray[np.float64]

# Below 0.5 another label may be as likely; finer steps would fit the validation part's chance.
CANDIDATES = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
# One wrong answer in twenty, where nobody asks for another share.
TARGET_PRECISION = 0.95
# A network that says unknown to more than a quarter of its own kind of pictures is of little use.
MIN_ANSWERED = 0.75
# Answers with a label before it may have a threshold of its own: fewer prove nothing.
MIN_EVIDENCE = 20
# Pictures' worth of the common estimate in that of a label, so that few answers move it little.
COMMON_WEIGHT = 10


@dataclass(frozen=True, slots=True)
class Thresholds:
    """common: for every label but those in `own`, which are label numbers."""

    common: float
    own: dict[int, float]

    def by_label(self, labels: Sequence[str]) -> dict[str, float]:
        """The labels' own thresholds by name."""
        return {labels[number]: threshold for number, threshold in self.own.items()}

    def of(self, count: int) -> Double:
        """The threshold of each of `count` labels, float64 (count,)."""
        each = np.full(count, self.common)
        for number, threshold in self.own.items():
            each[number] = threshold
        return each


def choose_thresholds(
    scores: Float,
    targets: Int,
    target_precision: float = TARGET_PRECISION,
    familiar: NDArray[np.bool_] | None = None,
) -> Thresholds:
    """The lowest of 0.50, 0.55 … 0.95 at which the estimate reaches the wanted precision.

    Where none does, the one with the best estimate; never one that answers less than 75 % of the pictures,
    unless it is 0.5. A label gets its own only where at least 20 answers prove the common one wrong for it.
    familiar: bool (n,), the pictures that the familiarity limit lets pass; the others count as not answered.
    """
    confidence, said = scores.max(axis=1), scores.argmax(axis=1)
    if familiar is not None:
        confidence = np.where(familiar, confidence, 0)
    counted = _count(confidence, said == targets)
    common = _lowest_that_will_do(counted.estimates, counted, target_precision)
    own = {}
    for label in range(scores.shape[1]):
        mine = said == label
        here = _count(confidence[mine], label == targets[mine])
        best = _own(here, counted.estimates, common, target_precision)
        if best != common:
            own[label] = CANDIDATES[best]
    return Thresholds(CANDIDATES[common], own)


@dataclass(frozen=True, slots=True)
class _Counted:
    """For each candidate how many pictures it answers and how many of those are right, of `count` in all."""

    answered: Double
    right: Double
    count: int

    @property
    def estimates(self) -> Double:
        return (self.right + 1) / (self.answered + 2)

    def interval(self, candidate: int) -> Interval:
        return wilson(int(self.right[candidate]), int(self.answered[candidate]))


def _count(confidence: Float, right: NDArray[np.bool_]) -> _Counted:
    reached = confidence[None, :] >= np.array(CANDIDATES)[:, None]  # float64, as the device compares
    answered, hits = reached.sum(axis=1), (reached & right).sum(axis=1)
    return _Counted(answered.astype(np.float64), hits.astype(np.float64), len(right))


def _lowest_that_will_do(estimates: Double, counted: _Counted, wanted: float) -> int:
    """The candidate's place in the list."""
    allowed = 1 + int(np.sum(counted.answered[1:] >= MIN_ANSWERED * counted.count))
    enough = np.flatnonzero(estimates[:allowed] >= wanted)
    return int(enough[0] if len(enough) else estimates[:allowed].argmax())


def _own(here: _Counted, common_estimates: Double, common: int, wanted: float) -> int:
    """A label's candidate: the common one unless its 95 % interval proves that too low, or a lower enough.

    Where it is too low, the label's estimates, drawn towards the common ones by ten pictures, decide.
    """
    if here.answered[common] >= MIN_EVIDENCE and here.interval(common)[1] < wanted:
        drawn = (here.right + COMMON_WEIGHT * common_estimates) / (here.answered + COMMON_WEIGHT)
        return max(common, _lowest_that_will_do(drawn, here, wanted))
    proven = [candidate for candidate in range(common) if here.interval(candidate)[0] >= wanted]
    return proven[0] if proven else common
