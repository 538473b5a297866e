"""The chosen unknown rule, and how well it tells foreign pictures from what the model was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.unknown_rule import judge
from training.evaluation.intervals import auroc, auroc_resamples
from training.evaluation.thresholds import Thresholds

Float = NDArray[np.float32]
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# The share of known pictures to keep: the usual operating point of out-of-distribution detection.
KEPT_SHARE = 0.95
# Keeps logarithms finite, and divisions by a deviation of 0.
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class PartScores:
    """What a network says of some pictures: scores (n, labels) and familiarity (n,)."""

    scores: Float
    familiarity: Float


@dataclass(frozen=True, slots=True)
class UnknownRule:
    """The limits that were chosen for a network; `edge.unknown_rule` applies them, here as on the device."""

    thresholds: Thresholds
    familiarity: float

    def answered(self, part: PartScores) -> Mask:
        """Which pictures get an answer on the device, bool (n,)."""
        thresholds = self.thresholds.of(part.scores.shape[1])
        return judge(part.scores, part.familiarity, thresholds, self.familiarity).counted


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one value separates known pictures from ood ones.

    resamples: AUROC of bootstrap samples. accepted: the share of the ood ones above the limit that
    keeps 95 % of the known ones.
    """

    auroc: float
    resamples: Array
    accepted: float


def separate(known: Array, ood: Array) -> Separation:
    """Judge a value that should be higher for known pictures (n,) than for ood ones (m,)."""
    limit = np.quantile(known, 1 - KEPT_SHARE)
    accepted = float((ood >= limit).mean())
    return Separation(auroc(known, ood), auroc_resamples(known, ood), accepted)


def separations(val: PartScores, known: PartScores, ood: PartScores) -> dict[str, Separation]:
    """Each value alone, and the two together: the sum of the top score's log odds and the familiarity, both
    in deviations from their mean over the validation part.
    """
    found = {}
    scaled = {}
    for name, value in (("top_score", _log_odds), ("familiarity", _familiarity)):
        reference, ours, theirs = value(val), value(known), value(ood)
        found[name] = separate(ours, theirs)
        mean, deviation = reference.mean(), reference.std() + TINY
        scaled[name] = (ours - mean) / deviation, (theirs - mean) / deviation
    ours, theirs = (a + b for a, b in zip(*scaled.values(), strict=True))
    return found | {"both": separate(ours, theirs)}


def _log_odds(part: PartScores) -> Array:
    top = np.clip(part.scores.max(axis=1).astype(np.float64), TINY, 1 - TINY)
    return np.asarray(np.log(top / (1 - top)))


def _familiarity(part: PartScores) -> Array:
    return part.familiarity.astype(np.float64)
