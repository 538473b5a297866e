"""Pictures that show nothing: frozen, dark, bright or covered. Pure: time comes with the pictures.

A picture is looked at through a few thousand of its pixels, taken at even distances. The limits were tried
on real recordings and photographs; LOG.md has the figures.

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

HOLD_S = 0.5
SAMPLE_ROWS, GRID_ROWS = 96, 8
NEAR_BLACK, NEAR_WHITE = 24, 245
FEW = 0.01
NO_STRUCTURE = 5.0
SEEN_S, SEEN_PICTURES = 10.0, 30
SAME_LEVELS = 1
LIVELY_CHANGES, LIVELY_SHARE, STANDING_SHARE = 20, 0.5, 0.95
STILL_PICTURES = 3
PAUSE_HALF_LIFE_S = 600.0


class Sight:
    """Judges the pictures of one camera, in their order."""

    def __init__(self, frozen_after_s: float = 5.0) -> None:
        """frozen_after_s: nothing may change for so long; 0: never frozen."""
        self._motion = _Motion(frozen_after_s)
        self._structure = _Structure()
        self._reason: UnknownReason | None = None
        self._looks: UnknownReason | None = None
        self._looks_since_s = self._unusable_since_s = 0.0

    @property
    def doubtful(self) -> bool:
        """True if the last picture showed nothing, but not for long enough to say so."""
        return self._looks is not None and self._reason is None

    def judge(self, pixels: Pixels, time_s: float) -> UnknownReason | None:
        """Why this picture shows nothing, None where it shows something; uint8 (height, width, 3)."""
        return self.judge_sample(sampled(pixels), time_s)

    def judge_sample(self, sample: Pixels, time_s: float) -> UnknownReason | None:
        """The same, of what was `sampled` of the picture."""
        looks = self._structure.judge(sample, time_s)
        if self._looks is None:
            self._unusable_since_s = time_s
        if looks != self._looks:
            self._looks, self._looks_since_s = looks, time_s
        frozen = self._motion.see(sample, time_s, learn=looks is None and self._reason is None)
        if looks is None:
            self._reason = "frozen" if frozen else None
        elif time_s - (self._looks_since_s if self._reason else self._unusable_since_s) >= HOLD_S:
            self._reason = looks  # at first whatever it looks like now: flicker must not put that off
        return self._reason


def sampled(pixels: Pixels) -> Pixels:
    """Pixels at even distances, about 96 rows of them, trimmed to whole cells."""
    step = max(1, min(pixels.shape[:2]) // SAMPLE_ROWS)
    height, width = pixels.shape[0] // step, pixels.shape[1] // step
    side = max(1, min(height, width) // GRID_ROWS)
    height, width = height - height % side, width - width % side
    rows = pixels[step // 2 : step // 2 + height * step : step, : width * step]
    return cv2.resize(rows, (width, height), interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def cell_side(sample: Pixels) -> int:
    """How many pixels of a sample make the side of a cell."""
    return max(1, int(min(sample.shape[:2])) // GRID_ROWS)


def structure_of(sample: Pixels) -> float:
    """How much the cells differ from their neighbours' mean, in levels.

    The largest second difference of the cells' means, across and down, in the strongest channel: noise is
    averaged away, and a slow fall-off, as of light through a finger, has none.
    """
    side = cell_side(sample)
    grid = (sample.shape[1] // side, sample.shape[0] // side)
    cells = cv2.resize(sample.astype(np.float32), grid, interpolation=cv2.INTER_AREA)
    across = np.abs(2 * cells[:, 1:-1] - cells[:, 2:] - cells[:, :-2]).max(initial=0)
    down = np.abs(2 * cells[1:-1] - cells[2:] - cells[:-2]).max(initial=0)
    return float(max(across, down))


class _Structure:
    """Dark, bright, or covered: this picture alone, but for whether there used to be structure."""

    def __init__(self) -> None:
        self._clear_since_s: float | None = None
        self._clear_pictures = 0
        self._had_structure = False

    def judge(self, sample: Pixels, time_s: float) -> UnknownReason | None:
        if structure_of(sample) > NO_STRUCTURE:
            self._learn(time_s)
            return None
        self._clear_since_s, few = None, FEW * sample.size
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
    """Which cells change from picture to picture, how long each stands, and how long it used to.

    A cell is lively if it has changed often and never stood for half as long as a frozen one would. The
    longest stand fades in time, for light and compression change.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._begin(np.empty((0, 0, 3), np.uint8), 0.0)

    def _begin(self, sample: Pixels, time_s: float) -> None:
        side = cell_side(sample)
        grid = (sample.shape[0] // side, sample.shape[1] // side)
        self._before, self._before_s = sample, time_s
        self._changed_s: NDArray[np.float64] = np.full(grid, time_s)
        self._longest_s: NDArray[np.float64] = np.zeros(grid)
        self._changes: NDArray[np.int64] = np.zeros(grid, np.int64)
        self._still: NDArray[np.int64] = np.zeros(grid, np.int64)

    def see(self, sample: Pixels, time_s: float, *, learn: bool) -> bool:
        """True if the picture is frozen; `learn` where it is known to be a good one."""
        if not self._after_s:
            return False
        if sample.shape != self._before.shape:
            self._begin(sample, time_s)
            return False
        changed = _changed_cells(self._before, sample)
        if learn:
            self._learn(changed, time_s)
        self._changed_s[changed] = time_s
        self._still = np.where(changed, 0, np.minimum(self._still + 1, STILL_PICTURES))
        self._before, self._before_s = sample, time_s
        return self._is_frozen(time_s)

    def _learn(self, changed: NDArray[np.bool_], time_s: float) -> None:
        stood_s = np.where(changed, self._before_s - self._changed_s, 0.0)
        self._longest_s *= 0.5 ** ((time_s - self._before_s) / PAUSE_HALF_LIFE_S)
        self._longest_s = np.maximum(self._longest_s, stood_s)
        self._changes = np.minimum(self._changes + changed, LIVELY_CHANGES)

    def _is_frozen(self, time_s: float) -> bool:
        lively = (self._changes >= LIVELY_CHANGES) & (self._longest_s <= self._after_s / 2)
        if np.count_nonzero(lively) < LIVELY_SHARE * lively.size:
            return False
        standing = (self._still >= STILL_PICTURES) & (time_s - self._changed_s >= self._after_s)
        return bool(np.count_nonzero(standing & lively) >= STANDING_SHARE * np.count_nonzero(lively))


def _changed_cells(before: Pixels, now: Pixels) -> NDArray[np.bool_]:
    side = cell_side(now)
    rows, columns = now.shape[0] // side, now.shape[1] // side
    differs = cv2.absdiff(before, now) > SAME_LEVELS
    bands = differs.reshape(rows, side, -1).any(axis=1)
    return np.asarray(bands.reshape(rows, columns, -1).any(axis=2))
