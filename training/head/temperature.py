"""Scores that mean what they say: temperature scaling on validation data, and what it gained.

The temperature divides the logits, so the best label stays the best; it is folded into the last layer's
weights, and the device knows nothing of it (Guo et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.head.softmax_head import Head, softmax

Float = NDArray[np.float32]
Int = NDArray[np.int64]

LOWEST, HIGHEST = 0.25, 4.0
ITERATIONS = 40
MOST_BINS, LEAST_IN_BIN = 15, 20


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures of about one confidence: its mean, and the share of them that is right."""

    confidence: float
    accuracy: float
    count: int


def fit_temperature(logits: Float, targets: Int) -> float:
    """The temperature, 0.25 to 4, of the least cross-entropy on logits (n, labels) of held-out pictures.

    It is fitted as if half a picture more had been mistaken for its best wrong label (Jeffreys' prior): sixty
    pictures without a mistake would else ask for endless sharpness.
    """
    rows = np.arange(len(targets))
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    own = shifted[rows, targets]
    others = shifted.copy()
    others[rows, targets] = -np.inf
    doubt = 0.5 / (len(targets) + 1)
    wanted = (1 - doubt) * own + doubt * others.max(axis=1)

    def loss(log_temperature: float) -> float:
        scaled = shifted / np.exp(log_temperature)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - wanted / np.exp(log_temperature)))

    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(ITERATIONS):  # convex in 1 / temperature, so it falls and then rises
        third = (high - low) / 3
        if loss(low + third) < loss(high - third):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))


def calibrated(head: Head, temperature: float) -> Head:
    """The head whose softmax is that of logits / temperature."""
    divisor = np.float32(temperature)
    return Head(head.kernel / divisor, head.bias / divisor, head.centres)


def scaled_scores(logits: Float, temperature: float) -> Float:
    """Softmax scores (n, labels) at a temperature."""
    return softmax(logits / np.float32(temperature))


def reliability(scores: Float, targets: Int) -> tuple[Bin, ...]:
    """Bins of about equal counts by rising confidence: as many as leave 20 pictures in each, at most 15.

    Pictures of the same confidence, of which int8 has many, stay together.
    """
    if len(targets) == 0:
        return ()
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == targets
    count = int(np.clip(len(targets) // LEAST_IN_BIN, 1, MOST_BINS))
    edges = np.sort(confidence)[np.arange(1, count) * len(targets) // count]
    place = np.searchsorted(edges, confidence, side="right")
    return tuple(
        Bin(float(confidence[chosen].mean()), float(right[chosen].mean()), int(chosen.sum()))
        for chosen in (place == number for number in np.unique(place))
    )


def calibration_error(scores: Float, targets: Int) -> float:
    """Expected calibration error (Naeini et al. 2015) over `reliability`'s bins, 0 to 1."""
    bins = reliability(scores, targets)
    gaps = [abs(entry.confidence - entry.accuracy) * entry.count for entry in bins]
    return sum(gaps) / max(1, len(targets))
