"""Is this picture what was classified last? Pure: no clock, no pixels, only glances in the frames' own time.

A glance (sight.py) is a picture as the means of small cells. Each is compared with that of the picture
classified last, so that slow drift adds up, at two scales: the largest difference of one cell, where noise
is strong and a small object fills the cell, and of 3×3 of them together, where noise is averaged away and a
faint change of a larger part shows. What counts as a difference grows with the noise that the camera was
seen to have between one picture and the next, within bounds: beyond them nothing is ever unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import block_means

Glance = NDArray[np.uint8]

BLOCK = 3  # cells across and down
CELL_LIMIT = 4.0  # a cell may differ by so many times the limit, in which 3×3 of them may
OF_NOISE, MOST = 4.5, 3.0
NOISE_FALL, NOISE_RISE_S = 0.1, 30.0


@dataclass(frozen=True, slots=True)
class GateRules:
    """limit: what counts as a change of 3×3 cells, in levels of 255, without noise.

    In seconds: refresh_s, for how long at most a picture counts as unchanged; still_after_s, without a change
    for so long the scene is still.
    """

    limit: float = 2.0
    refresh_s: float = 5.0
    still_after_s: float = 2.0


class ChangeGate:
    """The pictures of one camera, in their order; of each that was classified it is to be told."""

    def __init__(self, rules: GateRules | None = None) -> None:
        self._rules = rules or GateRules()
        self._before: Glance | None = None
        self._before_s = 0.0
        self._noise: float | None = None
        self._known: Glance | None = None
        self._known_blocks: NDArray[np.float32] | None = None
        self._known_s = self._changed_s = 0.0

    @property
    def is_still(self) -> bool:
        """True if nothing has changed for a while."""
        return self._known is not None and self._before_s - self._changed_s >= self._rules.still_after_s

    def is_unchanged(self, glance: Glance | None, time_s: float) -> bool:
        """True if it shows what the picture that was `classified` last did."""
        if glance is None:
            return False
        self._learn(glance, time_s)
        if not self._is_like_known(glance):
            self._changed_s = time_s
            return False
        return True

    def is_due(self, time_s: float) -> bool:
        """True if a picture is to be classified for all that: the last one was too long ago."""
        return not 0 <= time_s - self._known_s < self._rules.refresh_s

    def _is_like_known(self, glance: Glance) -> bool:
        known, blocks = self._known, self._known_blocks
        if known is None or blocks is None or known.shape != glance.shape:
            return False
        noise, limit = self._noise or 0.0, self._rules.limit
        cell = min(max(CELL_LIMIT * limit, OF_NOISE * noise), MOST * CELL_LIMIT * limit)
        if cv2.norm(glance, known, cv2.NORM_INF) > cell:
            return False
        block = min(max(limit, OF_NOISE * noise / BLOCK), MOST * limit)
        return bool(cv2.norm(_blocks(glance), blocks, cv2.NORM_INF) <= block)

    def classified(self, glance: Glance | None, time_s: float) -> None:
        """From now on this is what pictures are compared with."""
        self._known = glance
        self._known_blocks = None if glance is None else _blocks(glance)
        self._known_s = time_s

    def _learn(self, glance: Glance, time_s: float) -> None:
        """The noise is what three in four cells change by at most, picture to picture; it rises slowly."""
        before, elapsed_s = self._before, time_s - self._before_s
        self._before, self._before_s = glance, time_s
        if before is None or before.shape != glance.shape:
            self._noise = None
            return
        now = _quartile(np.asarray(cv2.absdiff(glance, before), np.uint8))
        if self._noise is None:
            self._noise = now
        share = NOISE_FALL if now < self._noise else min(1.0, max(0.0, elapsed_s) / NOISE_RISE_S)
        self._noise += share * (now - self._noise)


def _quartile(levels: Glance) -> float:
    """The upper quartile of rounded values, as if those of one level lay evenly around it."""
    counts = np.bincount(levels.ravel(), minlength=256)
    up_to = np.cumsum(counts)
    below = 0.75 * levels.size
    level = int(np.searchsorted(up_to, below))
    into = (below - up_to[level] + counts[level]) / counts[level]
    return max(0.0, level - 0.5 + float(into))


def _blocks(glance: Glance) -> NDArray[np.float32]:
    return block_means(glance.astype(np.float32), BLOCK)
