"""AdamW and learning-rate schedules for the head's fit: numpy, in place, no TensorFlow to wait for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from training.head.settings import Schedule

Float = NDArray[np.float32]

MEAN_DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-7
FLOOR = 0.01  # of the first rate


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019); changes its arrays in place."""

    def __init__(self, arrays: Sequence[Float], weight_decay: float) -> None:
        self._arrays, self._weight_decay, self._steps = arrays, weight_decay, 0
        self._moments = [np.zeros((2, *array.shape), np.float32) for array in arrays]

    def step(self, gradients: Sequence[Float], rate: float) -> None:
        """Take one step against the gradients."""
        self._steps += 1
        correction = math.sqrt(1 - SQUARE_DECAY**self._steps) / (1 - MEAN_DECAY**self._steps)
        size = np.float32(rate * correction)
        for array, gradient, moments in zip(self._arrays, gradients, self._moments, strict=True):
            moments[0] += (1 - MEAN_DECAY) * (gradient - moments[0])
            moments[1] += (1 - SQUARE_DECAY) * (gradient * gradient - moments[1])
            update = size * moments[0] / (np.sqrt(moments[1]) + np.float32(EPSILON))
            array[...] = array * np.float32(1 - rate * self._weight_decay) - update


def learning_rates(schedule: Schedule, first: float, epochs: int) -> Iterator[float]:
    """The rate of each epoch: constant, or falling along a half cosine to a hundredth."""
    for epoch in range(epochs):
        if schedule == "constant":
            yield first
        else:
            yield first * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * epoch / epochs)) / 2)
