"""Which label scores speak for, with the hysteresis that favours the present label: pure functions.

Labels are indices here; NONE stands for no label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.unknown_rule import reaches

Float = NDArray[np.float32]
Int = NDArray[np.int64]

NONE = -1


def choose_labels(values: Float, present: int, thresholds: NDArray[np.float64], hysteresis: float) -> Int:
    """The label that each row of scores (n, labels) speaks for, int64 (n,), NONE where it is unknown.

    The present label stays while it misses its threshold by no more than the hysteresis, unless another one
    reaches its own threshold and leads by the hysteresis.
    """
    rows, best = np.arange(len(values)), values.argmax(axis=1)
    is_reached = reaches(values, thresholds)[rows, best]
    chosen = np.where(is_reached, best, NONE)
    if present != NONE:
        is_ahead = values[rows, best] >= values[:, present].astype(np.float64) + hysteresis
        stays = reaches(values, thresholds, slack=hysteresis)[:, present] & ~(is_reached & is_ahead)
        chosen[stays] = present
    return chosen


def elect_label(chosen: Int, present: int, label_count: int, needed: int, needed_to_stay: int) -> int:
    """The label with enough of the votes `chosen` (n,), one a frame, NONE where no label has.

    Of several the one with most votes wins, then the present one, then the first.
    """
    votes = np.bincount(chosen[chosen != NONE], minlength=label_count)
    required = np.full(label_count, needed)
    if present != NONE:
        required[present] = needed_to_stay
    rank = 2 * np.where(votes >= required, votes, 0)
    if present != NONE and rank[present]:
        rank[present] += 1  # an equal number of votes favours it
    return int(rank.argmax()) if rank.any() else NONE
