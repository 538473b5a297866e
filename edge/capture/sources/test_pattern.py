"""`test://`: a synthetic camera for trying things out; it can get lost, stay away and hang."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from edge.capture.sources.address import Source
from edge.capture.sources.reader import CameraSource, Picture, Reader
from edge.errors import CameraUnavailableError, UsageError
from edge.preprocess import Image

# Larger pictures than any camera's, and a hang of more than a day, are typing errors.
MAX_SIDE_PX, MAX_HANG_S = 8192, 86400.0
# Grey levels that frame_quality calls dark, bright and covered, with up to 7 levels of noise on them.
LEVELS = {"black": 0, "white": 248, "cover": 120}
DEFECTS = (*LEVELS, "freeze")


class TestPattern(CameraSource):
    """A synthetic camera: `test://?fps=30&size=640x480&frames=100&gone=5&hang=5`.

    It shows moving coloured bars with a little noise. After `frames` pictures it stops delivering and can't
    be opened for `gone` seconds (0: for good), so that a lost camera can be tried without pulling a plug.
    With `hang` the read first blocks for so many seconds, as with a broken driver; without `gone` opening
    blocks as well. `black=100,150` makes pictures 100 to 149 black, and `white`, `cover` and `freeze` do
    likewise; more pairs make more such spells: `black=100,150,300,350`.
    """

    def __init__(self, source: Source) -> None:
        """Raises UsageError for an option that it does not know."""
        address = source.address
        options = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        try:
            self._fps = float(options.pop("fps", "30"))
            width, height = options.pop("size", "640x480").split("x")
            self._width, self._height = int(width), int(height)
            self._frames = int(options.pop("frames", "0"))
            self._gone_s = float(options.pop("gone", "0"))
            self._hang_s = float(options.pop("hang", "0"))
            self._defects = [
                (kind, *span) for kind in DEFECTS for span in _parse_spans(options.pop(kind, ""))
            ]
        except ValueError as error:
            raise UsageError(f"can't use the camera {address}", str(error), TestPattern._usage()) from error
        sides = (self._width, self._height)
        possible = self._fps > 0 and min(sides) >= 8 and max(sides) <= MAX_SIDE_PX and self._frames >= 0
        if options or not (possible and self._gone_s >= 0 and 0 <= self._hang_s <= MAX_HANG_S):
            raise UsageError(
                f"can't use the camera {address}", "unknown or impossible option", TestPattern._usage()
            )
        self._opens_at_s = self._hangs_until_s = 0.0
        self._noise = np.random.default_rng(0).integers(0, 8, (self._height, self._width, 3), np.uint8)

    def open(self) -> Reader:
        """A reader of it; raises CameraUnavailableError while it is gone."""
        time.sleep(max(0.0, self._hangs_until_s - time.monotonic()))
        if not self.is_reachable():
            raise CameraUnavailableError("can't open the test camera", "it is gone", "wait")
        return _TestReader(self, self._fps)

    def is_reachable(self) -> bool:
        """True unless it is gone; a camera that hangs is there."""
        return time.monotonic() >= self._opens_at_s

    def draw(self, index: int) -> Image:
        """Picture number `index`; raises CameraUnavailableError once the camera is to be gone."""
        if self._frames and index >= self._frames:
            self._disappear()
            raise CameraUnavailableError("the test camera stopped delivering")
        kind, first = next(((k, a) for k, a, end in self._defects if a <= index < end), ("", 0))
        index = first if kind == "freeze" else index
        bars = ((np.arange(self._width) + 4 * index) * 8 // self._width) % 8
        colours = np.stack([bars & 1, bars >> 1 & 1, bars >> 2 & 1], axis=1).astype(np.uint8) * 240
        if kind in LEVELS:
            colours[:] = LEVELS[kind]
        return colours[None, :, :] + np.roll(self._noise, index, axis=0)  # type: ignore[no-any-return]

    def _disappear(self) -> None:
        now_s = time.monotonic()
        if self._gone_s:
            self._opens_at_s = now_s + self._gone_s
        elif self._hang_s:
            self._hangs_until_s = now_s + self._hang_s
        else:
            self._opens_at_s = float("inf")
        time.sleep(self._hang_s)

    @staticmethod
    def _usage() -> str:
        return (
            "write test://?fps=30&size=640x480&frames=100&gone=5&hang=5&black=100,150, each option if wanted"
        )


def _parse_spans(text: str) -> list[tuple[int, int]]:
    """`100,150,300,350` → (100, 150), (300, 350); raises ValueError."""
    numbers = [int(number) for number in text.split(",")] if text else []
    if len(numbers) % 2 or numbers != sorted(set(numbers)) or min(numbers, default=0) < 0:
        raise ValueError(f"{text!r} is no list of first and last frames")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


class _TestReader:
    def __init__(self, pattern: TestPattern, fps: float) -> None:
        self._pattern, self._interval_s = pattern, 1 / fps
        self._index = 0
        self._due_s = time.monotonic()

    def read(self) -> Picture | None:
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s += self._interval_s
        pixels = self._pattern.draw(self._index)
        self._index += 1
        return Picture(pixels)

    def close(self) -> None:
        """Nothing is held open."""
