"""How like its training photographs a picture is: the cosine of its features with the nearest class's mean.

The network computes it as its second output, so the device pays nothing for it; here it is computed from
stored features, and the limit is chosen below which an answer is unknown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Int = NDArray[np.int64]

KEPT = 0.95
NO_LIMIT = -1.0
TINY = np.float32(1e-6)


def familiarity(features: Float, centres: Float) -> Float:
    """Familiarity, float32 (n,), of features (n, channels); centres (labels, channels) are of length 1."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    nearest: Float = (features @ centres.T / np.maximum(lengths, TINY)).max(axis=1)
    return nearest


def familiarity_to_others(features: Float, views: Float, targets: Int, label_count: int) -> Float:
    """Familiarity (n,) of the training photographs, each as if it had not been one of them.

    features: (n, channels); views: those of their changed copies, view after view; targets: label numbers
    (n,). A photograph and its copies are taken out of their class's mean, so these values are like those of
    new photographs.
    """
    everything = features + views.reshape(-1, *features.shape).sum(axis=0)
    sums = np.stack([everything[targets == label].sum(axis=0) for label in range(label_count)])
    directions = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), TINY)
    cosines = directions @ _unit(sums).T
    without = _unit(sums[targets] - everything)
    cosines[np.arange(len(targets)), targets] = (directions * without).sum(axis=1)
    nearest: Float = cosines.max(axis=1)
    return nearest


def choose_limit(values: Float, allowance: float = 0.0, kept: float = KEPT) -> float:
    """The limit that a new picture like these (n,) reaches with a chance of `kept`, less an allowance.

    It is the ⌊(n + 1)(1 − kept)⌋-th smallest value (split conformal prediction: Vovk et al. 2005); no
    limit, −1, where there are too few values for any.
    """
    rank = int(np.floor((len(values) + 1) * (1 - kept) + 1e-9))
    return max(NO_LIMIT, float(np.sort(values)[rank - 1]) - allowance) if rank else NO_LIMIT


def _unit(rows: Float) -> Float:
    directions: Float = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)
    return directions
