"""Opening a source and reading pictures from it: OpenCV for cameras, streams and videos; folders; test://.

Three outcomes of a read are kept apart: a picture, the end of a recording (None), and a camera that
stopped delivering (CameraUnavailableError). `VideoCapture.isOpened()` stays true after a camera is gone,
so a camera is judged by its pictures.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import cv2
import numpy as np

from edge.errors import CameraUnavailableError, ImageError, RecordingError, UsageError
from edge.preprocess import IMAGE_SUFFIXES, Image, read_image
from edge.sources import Source

log = logging.getLogger(__name__)

OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 3000
FOLDER_FPS = 1.0
MAX_SIDE_PX = 8192
LEVELS = {"black": 0, "white": 248, "cover": 120}
SPOILT = (*LEVELS, "freeze")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture read: uint8 BGR of shape (height, width, 3); a recording's own position in seconds."""

    pixels: Image
    position_s: float | None = None


class Reader(Protocol):
    """An opened source."""

    def read(self) -> Picture | None:
        """The next picture, or None at the end of a recording; raises CameraUnavailableError."""

    def close(self) -> None:
        """Let go of the device or file."""


def opener(source: Source) -> Callable[[], Reader]:
    """A function that opens the source anew each time it is called; raises UsageError for a bad test://."""
    if source.kind == "test":
        return TestPattern(source.address).open
    if source.kind == "folder":
        return lambda: FolderReader(Path(source.address))
    return lambda: VideoReader(source)


class VideoReader:
    """A camera, a network stream or a video file, through OpenCV."""

    def __init__(self, source: Source) -> None:
        """Raises CameraUnavailableError for a live source, RecordingError for a file that is no video."""
        self._source = source
        self._frames = 0
        try:
            self._capture = _open_capture(source)
        except cv2.error as error:
            raise self._failure(f"OpenCV: {error.err or error}") from error
        if not self._capture.isOpened():
            self._capture.release()
            raise self._failure("no answer" if source.live else "it is not a video")
        self._fps = self._capture.get(cv2.CAP_PROP_FPS) or 0.0
        if source.address.startswith("http") and self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
            self._capture.release()
            what = f"can't use {source.shown} as a camera"
            raise RecordingError(what, "it is a recording, which would start again and again", "download it")

    def read(self) -> Picture | None:
        """The next picture."""
        try:
            delivered, pixels = self._capture.read()
        except cv2.error as error:
            raise self._failure(f"OpenCV: {error.err or error}") from error
        if not delivered or pixels is None:
            if self._source.live:
                raise self._failure("it stopped delivering")
            if self._frames == 0:
                raise self._failure("it has no pictures")
            return None
        position_s = None if self._source.live else self._position_s()
        self._frames += 1
        return Picture(pixels, position_s)  # type: ignore[arg-type]

    def close(self) -> None:
        """Release the capture."""
        self._capture.release()

    def _failure(self, why: str) -> CameraUnavailableError | RecordingError:
        if not self._source.live:
            advice = "give a video that OpenCV can read"
            return RecordingError(f"can't read the video {self._source.shown}", why, advice)
        if self._frames == 0:
            return CameraUnavailableError(f"can't open the camera {self._source.shown}", why, "is it there?")
        return CameraUnavailableError(f"the camera {self._source.shown} is lost", why)

    def _position_s(self) -> float:
        # Some containers carry no times: then the frame rate has to do.
        position_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if position_s <= 0 and self._fps > 0:
            position_s = self._frames / self._fps
        return position_s


def _open_capture(source: Source) -> cv2.VideoCapture:
    if source.kind == "device":
        target = int(source.address) if source.address.isdecimal() else source.address
        return cv2.VideoCapture(target, cv2.CAP_V4L2)
    if source.kind == "stream":
        # Without these two a silent server blocks for 30 s or for ever.
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MS,
        ]
        return cv2.VideoCapture(source.address, cv2.CAP_FFMPEG, limits)
    return cv2.VideoCapture(source.address, cv2.CAP_FFMPEG)


class FolderReader:
    """The images of a folder in the order of their names, as a recording of one a second."""

    def __init__(self, folder: Path) -> None:
        """Raises RecordingError where the folder holds no images."""
        self._paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        self._folder, self._next, self._delivered = folder, 0, 0
        if not self._paths:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise RecordingError(f"can't read the folder {folder}", "it holds no images", f"put in {kinds}")

    def read(self) -> Picture | None:
        """The next picture; one that can't be decoded is named in the log and passed over."""
        while self._next < len(self._paths):
            index, self._next = self._next, self._next + 1
            try:
                picture = Picture(read_image(self._paths[index]), index / FOLDER_FPS)
            except ImageError as error:
                log.warning("%s", error)
            else:
                self._delivered += 1
                return picture
        if not self._delivered:
            why = "none of its images can be decoded"
            raise RecordingError(f"can't read the folder {self._folder}", why, "replace them")
        return None

    def close(self) -> None:
        """Nothing is held open."""


class TestPattern:
    """A camera made of arithmetic: `test://?fps=30&size=640x480&frames=100&gone=5`.

    Coloured bars that move, with a little noise. After `frames` pictures it stops delivering and can't
    be opened for `gone` seconds (0: for good), so that a lost camera can be tried without pulling a plug.
    `black=100,150`: the pictures from 100 on, before 150, are black; `white`, `cover` and `freeze` likewise,
    and `black=100,150,300,350` is so twice.
    """

    def __init__(self, address: str) -> None:
        """Raises UsageError for an option that it does not know."""
        options = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        try:
            self._fps = float(options.pop("fps", "30"))
            width, height = options.pop("size", "640x480").split("x")
            self._width, self._height = int(width), int(height)
            self._frames = int(options.pop("frames", "0"))
            self._gone_s = float(options.pop("gone", "0"))
            self._spoilt = [(kind, *span) for kind in SPOILT for span in _spans(options.pop(kind, ""))]
        except ValueError as error:
            raise UsageError(f"can't use the camera {address}", str(error), TestPattern._usage()) from error
        sides = (self._width, self._height)
        possible = self._fps > 0 and min(sides) >= 8 and max(sides) <= MAX_SIDE_PX
        if options or not (possible and self._frames >= 0 and self._gone_s >= 0):
            raise UsageError(
                f"can't use the camera {address}", "unknown or impossible option", TestPattern._usage()
            )
        self._opens_at_s = 0.0
        self._noise = np.random.default_rng(0).integers(0, 8, (self._height, self._width, 3), np.uint8)

    def open(self) -> Reader:
        """A reader of it; raises CameraUnavailableError while it is gone."""
        if time.monotonic() < self._opens_at_s:
            raise CameraUnavailableError("can't open the test camera", "it is gone", "wait")
        return _TestReader(self, self._fps)

    def picture(self, index: int) -> Image:
        """Picture number `index`; raises CameraUnavailableError once the camera is to be gone."""
        if self._frames and index >= self._frames:
            self._opens_at_s = time.monotonic() + self._gone_s if self._gone_s else float("inf")
            raise CameraUnavailableError("the test camera stopped delivering")
        kind, first = next(((k, a) for k, a, end in self._spoilt if a <= index < end), ("", 0))
        index = first if kind == "freeze" else index
        bars = ((np.arange(self._width) + 4 * index) * 8 // self._width) % 8
        colours = np.stack([bars & 1, bars >> 1 & 1, bars >> 2 & 1], axis=1).astype(np.uint8) * 240
        if kind in LEVELS:
            colours[:] = LEVELS[kind]
        return colours[None, :, :] + np.roll(self._noise, index, axis=0)  # type: ignore[no-any-return]

    @staticmethod
    def _usage() -> str:
        return "write test://?fps=30&size=640x480&frames=100&gone=5&black=100,150, each option if wanted"


def _spans(text: str) -> list[tuple[int, int]]:
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
        pixels = self._pattern.picture(self._index)
        self._index += 1
        return Picture(pixels)

    def close(self) -> None:
        """Nothing is held open."""
