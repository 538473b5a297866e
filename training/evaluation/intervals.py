"""How sure a figure is: 95 % confidence intervals for shares, macro-F1 and AUROC, and the two themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
Array = NDArray[Any]

# The standard normal quantile at 97.5 %.
Z_95 = 1.959964
# Enough for two stable digits of a 95 % interval.
RESAMPLES = 1000
# Comparing all pairs of more pictures would take gigabytes.
MAX_RESAMPLED = 2000
# The same pictures always get the same interval.
SEED = 1


def wilson(right: int, count: int) -> Interval:
    """Wilson's score interval (1927) of the share right / count; (0, 1) where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, weight = right / count, Z_95**2 / count
    centre = (share + weight / 2) / (1 + weight)
    half = Z_95 * np.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def macro_f1(confusion: Array) -> Array:
    """The mean over the labels of F1, for confusion counts (…, labels, labels), rows being the truth.

    A label that neither occurs nor is said counts as 0.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    spoken_of = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return np.asarray((2 * hits / np.maximum(spoken_of, 1)).mean(axis=-1))


def macro_f1_interval(confusion: Array) -> Interval:
    """The bootstrap's percentile interval (Efron 1979) of macro-F1 for confusion counts (labels, labels)."""
    count = int(confusion.sum())
    if count == 0:
        return 0.0, 1.0
    cells = np.random.default_rng(SEED).multinomial(count, confusion.reshape(-1) / count, RESAMPLES)
    return percentiles(macro_f1(cells.reshape(RESAMPLES, *confusion.shape)))


def auroc(known: Array, ood: Array) -> float:
    """The chance that a known picture has the higher value than an ood one, ties counting half."""
    ordered = np.sort(ood)
    below = np.searchsorted(ordered, known, side="left")
    up_to = np.searchsorted(ordered, known, side="right")
    return float((below + up_to).mean() / (2 * len(ordered)))


def auroc_resamples(known: Array, ood: Array) -> Array:
    """AUROC of a thousand bootstrap samples, known and ood pictures drawn apart; float64 (1000,).

    Of more than 2,000 on a side, 2,000 are taken.
    """
    rng = np.random.default_rng(SEED)
    known, ood = _some(known, rng), _some(ood, rng)
    wins = (known[:, None] > ood) + 0.5 * (known[:, None] == ood)
    drawn = [
        rng.multinomial(len(side), np.full(len(side), 1 / len(side)), RESAMPLES) for side in (known, ood)
    ]
    return np.asarray(((drawn[0] @ wins) * drawn[1]).sum(axis=1) / wins.size)


def percentiles(figures: Array) -> Interval:
    """The middle 95 % of bootstrapped figures."""
    low, high = np.percentile(figures, [2.5, 97.5])
    return float(low), float(high)


def _some(values: Array, rng: np.random.Generator) -> Array:
    return values if len(values) <= MAX_RESAMPLED else rng.choice(values, MAX_RESAMPLED, replace=False)
