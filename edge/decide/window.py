"""The last frames' scores of one camera: what a decision averages or counts votes over."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from edge.records import Scores


class ScoreWindow:
    """Scores of the last `size` frames; until that many have come, it is not full."""

    def __init__(self, size: int) -> None:
        self._scores: deque[Scores] = deque(maxlen=size)

    @property
    def is_full(self) -> bool:
        """Whether as many frames as fit have come since it was made or cleared."""
        return len(self._scores) == self._scores.maxlen

    def add(self, scores: Scores) -> None:
        """Take in one frame's scores; the oldest go where it is full."""
        self._scores.append(scores)

    def clear(self) -> None:
        """Forget all frames."""
        self._scores.clear()

    def values(self) -> NDArray[np.float32]:
        """The scores of each frame, float32 (frames, labels)."""
        return np.array([entry.values for entry in self._scores])  # takes a third of np.stack's time

    def mean_familiarity(self) -> float | None:
        """The mean over the frames whose familiarity is known, None where it is of none."""
        known = [entry.familiarity for entry in self._scores if entry.familiarity is not None]
        return sum(known) / len(known) if known else None
