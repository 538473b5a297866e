"""Is a picture usable, or frozen, dark, bright or covered? Pure: time comes with the pictures.

A picture is judged by a few thousand of its pixels, taken at even distances. The limits were tried on real
recordings and photographs; LOG.md has the figures.

- dark, bright: nearly all pixels near black or white, and no structure. A dim room or a dark part is neither.
- covered: no structure at all, at any brightness, where this camera always had some before.
- frozen: nothing changes where this camera's noise changed everything before. What never had noise, such as
  a rendered picture or a screen, is never frozen.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import UnknownReason

Pixels = NDArray[np.uint8]

# A picture must be unusable for so long. Less makes a hand that passes an event; more delays every report.
HOLD_S = 0.5
# 96 rows keep the cost under a twentieth of an inference, and 8 rows of cells average their noise away: with
# 12 rows, noise of σ 8 looked like solar cells (7 to 9 levels of structure against their 6.3).
SAMPLE_ROWS, GRID_ROWS = 96, 8
# With these, photographs at a fiftieth of their exposure are dark (161 of 163) and at a tenth none is; of
# black with noise of σ 8 all are. Nobody tried other levels: nearer to the middle, night scenes look dark.
NEAR_BLACK, NEAR_WHITE = 24, 245
# So many pixels may be lighter (or darker): a lamp or a hot pixel in a dark picture, and noise of σ 8. A
# larger share would call a night scene with a lit window dark.
MAX_OUTLIER_SHARE = 0.01
# Noise alone has at most 4.7 levels of structure (σ 3, 64×48), real pictures have 5.6 and more.
NO_STRUCTURE = 5.0
# A camera is known to show structure after this much of it without a break, so that a flat start, such as a
# white wall, is not `covered`. Longer means that a lens covered soon after the start is missed.
SEEN_S, SEEN_PICTURES = 10.0, 30
# A re-encoded still picture may differ by one level; a sensor's noise differs by more somewhere in a cell.
SAME_LEVELS = 1
# A cell that changed 20 times is lively: chance and a single movement do not get there. Lower makes screens
# and rendered pictures look lively, and so frozen.
LIVELY_CHANGES = 20
# At least half of the cells must be lively before a camera can be frozen. In the recorded video all are.
LIVELY_SHARE = 0.5
# Nearly all lively cells must stand: a clock that the camera draws into a frozen picture may go on.
STANDING_SHARE = 0.95
# A cell must also stand for some pictures, or else two pictures far apart in time would make it frozen.
STILL_PICTURES = 3
# A cell's longest stand counts half after ten minutes, as light and compression change during a day.
PAUSE_HALF_LIFE_S = 600.0


class QualityCheck:
    """Judges the pictures of one camera, in their order."""

    def __init__(self, frozen_after_s: float = 5.0) -> None:
        """frozen_after_s: nothing may change for so long; 0: never frozen."""
        self._motion = _Motion(frozen_after_s)
        self._structure = _Structure()
        self._reason: UnknownReason | None = None
        self._candidate: UnknownReason | None = None
        self._candidate_since_s = self._unusable_since_s = 0.0

    @property
    def is_pending(self) -> bool:
        """True if the last picture was unusable, but not for long enough to say so."""
        return self._candidate is not None and self._reason is None

    def judge(self, pixels: Pixels, time_s: float) -> UnknownReason | None:
        """Why this picture is unusable, None where it is usable; uint8 (height, width, 3)."""
        return self.judge_sample(take_sample(pixels), time_s)

    def judge_sample(self, sample: Pixels, time_s: float) -> UnknownReason | None:
        """The same, of a sample that was taken of the picture."""
        candidate = self._structure.judge(sample, time_s)
        if self._candidate is None:
            self._unusable_since_s = time_s
        if candidate != self._candidate:
            self._candidate, self._candidate_since_s = candidate, time_s
        is_good = candidate is None and self._reason is None
        is_frozen = self._motion.is_frozen(sample, time_s, learn=is_good)
        # The first reason is the present candidate, however long: one that flickers must not delay it.
        since_s = self._candidate_since_s if self._reason else self._unusable_since_s
        if candidate is None:
            self._reason = "frozen" if is_frozen else None
        elif time_s - since_s >= HOLD_S:
            self._reason = candidate
        return self._reason


def take_sample(pixels: Pixels) -> Pixels:
    """Pixels at even distances, about 96 rows of them, trimmed to whole cells."""
    step = max(1, min(pixels.shape[:2]) // SAMPLE_ROWS)
    height, width = pixels.shape[0] // step, pixels.shape[1] // step
    side = max(1, min(height, width) // GRID_ROWS)
    height, width = height - height % side, width - width % side
    rows = pixels[step // 2 : step // 2 + height * step : step, : width * step]
    return cv2.resize(rows, (width, height), interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def measure_cell(sample: Pixels) -> int:
    """How many pixels of a sample make the side of a cell."""
    return max(1, int(min(sample.shape[:2])) // GRID_ROWS)


def measure_structure(sample: Pixels) -> float:
    """How much the cells differ from their neighbours' mean, in levels.

    The largest second difference of the cells' means, across and down, in the strongest channel: noise is
    averaged away, and a slow fall-off, as of light through a finger, has none.
    """
    side = measure_cell(sample)
    grid = (sample.shape[1] // side, sample.shape[0] // side)
    cells = cv2.resize(sample.astype(np.float32), grid, interpolation=cv2.INTER_AREA)
    across = np.abs(2 * cells[:, 1:-1] - cells[:, 2:] - cells[:, :-2]).max(initial=0)
    down = np.abs(2 * cells[1:-1] - cells[2:] - cells[:-2]).max(initial=0)
    return float(max(across, down))


class _Structure:
    """Dark, bright or covered: judged by this picture alone, and by whether there used to be structure."""

    def __init__(self) -> None:
        self._clear_since_s: float | None = None
        self._clear_pictures = 0
        self._had_structure = False

    def judge(self, sample: Pixels, time_s: float) -> UnknownReason | None:
        if measure_structure(sample) > NO_STRUCTURE:
            self._learn(time_s)
            return None
        self._clear_since_s, few = None, MAX_OUTLIER_SHARE * sample.size
        if np.count_nonzero(sample > NEAR_BLACK) <= few:
            return "dark"
        if np.count_nonzero(sample < NEAR_WHITE) <= few:
            return "bright"
        return "covered" if self._had_structure else None

    def _learn(self, time_s: float) -> None:
        """A camera that showed structure without a break is one that always does."""
        if self._clear_since_s is None:
            self._clear_since_s, self._clear_pictures = time_s, 0
        self._clear_pictures += 1
        if self._clear_pictures >= SEEN_PICTURES and time_s - self._clear_since_s >= SEEN_S:
            self._had_structure = True


class _Motion:
    """Learns which cells change from picture to picture, and for how long each stands still.

    A cell is lively if it has changed often and never stood still for half as long as a frozen one would.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._begin(np.empty((0, 0, 3), np.uint8), 0.0)

    def _begin(self, sample: Pixels, time_s: float) -> None:
        side = measure_cell(sample)
        grid = (sample.shape[0] // side, sample.shape[1] // side)
        self._before, self._before_s = sample, time_s
        self._changed_s: NDArray[np.float64] = np.full(grid, time_s)
        self._longest_s: NDArray[np.float64] = np.zeros(grid)
        self._changes: NDArray[np.int64] = np.zeros(grid, np.int64)
        self._still: NDArray[np.int64] = np.zeros(grid, np.int64)

    def is_frozen(self, sample: Pixels, time_s: float, *, learn: bool) -> bool:
        """True if the picture is frozen; `learn` where it is known to be a good one."""
        if not self._after_s:
            return False
        if sample.shape != self._before.shape:
            self._begin(sample, time_s)
            return False
        changed = _compare_cells(self._before, sample)
        if learn:
            self._learn(changed, time_s)
        self._changed_s[changed] = time_s
        self._still = np.where(changed, 0, np.minimum(self._still + 1, STILL_PICTURES))
        self._before, self._before_s = sample, time_s
        return self._stands(time_s)

    def _learn(self, changed: NDArray[np.bool_], time_s: float) -> None:
        stood_s = np.where(changed, self._before_s - self._changed_s, 0.0)
        self._longest_s *= 0.5 ** ((time_s - self._before_s) / PAUSE_HALF_LIFE_S)
        self._longest_s = np.maximum(self._longest_s, stood_s)
        self._changes = np.minimum(self._changes + changed, LIVELY_CHANGES)

    def _stands(self, time_s: float) -> bool:
        lively = (self._changes >= LIVELY_CHANGES) & (self._longest_s <= self._after_s / 2)
        if np.count_nonzero(lively) < LIVELY_SHARE * lively.size:
            return False
        standing = (self._still >= STILL_PICTURES) & (time_s - self._changed_s >= self._after_s)
        return bool(np.count_nonzero(standing & lively) >= STANDING_SHARE * np.count_nonzero(lively))


def _compare_cells(before: Pixels, now: Pixels) -> NDArray[np.bool_]:
    side = measure_cell(now)
    rows, columns = now.shape[0] // side, now.shape[1] // side
    differs = cv2.absdiff(before, now) > SAME_LEVELS
    bands = differs.reshape(rows, side, -1).any(axis=1)
    return np.asarray(bands.reshape(rows, columns, -1).any(axis=2))
