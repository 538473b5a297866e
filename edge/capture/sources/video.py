"""Cameras, network streams and video files, through OpenCV.

A read has three outcomes: a picture, the end of a recording (None), or a camera that stopped delivering
(CameraUnavailableError). `VideoCapture.isOpened()` stays true after a camera is gone, so a camera is judged
by its pictures.
"""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.sources.address import Source
from edge.capture.sources.reader import CameraSource, Picture, Reduction
from edge.errors import CameraUnavailableError, RecordingError
from edge.preprocess import Image

# An RTSP server takes 1.5 s to open (LOG.md), a slow camera some seconds.
OPEN_TIMEOUT_MS = 5000
# The frame timeout usually notices a silence before; this bounds how long the reading thread stays blocked.
READ_TIMEOUT_MS = 3000
# In pixels. In larger pictures FFmpeg's own threads gain more than they cost, a quarter of the work.
LARGE_PICTURE = 1280 * 720
FFMPEG_OPTIONS_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
# Over UDP packets get lost, and with each one a group of pictures.
FFMPEG_OPTIONS = "rtsp_transport;tcp"

NO_ANSWER = {
    "device": "no answer",
    "usb": "no answer",
    "stream": "no answer, or it refuses the path or the login",
}


class VideoFile(CameraSource):
    """A video file as a recording."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def open(self) -> VideoReader:
        """A reader of it; raises RecordingError where it is no video."""
        return VideoReader(self._source)


class VideoReader:
    """A camera, a network stream or a video file, through OpenCV."""

    def __init__(
        self, source: Source, node: str | None = None, open_timeout_ms: int = OPEN_TIMEOUT_MS
    ) -> None:
        """node: the device to open, where the address is not one itself; open_timeout_ms: of a stream.

        Raises CameraUnavailableError for a live source, RecordingError for a file that is no video.
        """
        self._source = source
        self._frames = 0
        try:
            self._capture = _open_capture(source, node, open_timeout_ms)
        except cv2.error as error:
            raise self._make_error(f"OpenCV: {error.err or error}") from error
        if not self._capture.isOpened():
            self._capture.release()
            raise self._make_error(NO_ANSWER.get(source.kind, "it is not a video"))
        self._fps = self._capture.get(cv2.CAP_PROP_FPS) or 0.0
        if source.address.startswith("http") and self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
            self._capture.release()
            what = f"can't use {source.shown} as a camera"
            raise RecordingError(what, "it is a recording, which would start again and again", "download it")

    def grab(self) -> None:
        """Wait for the next picture. FFmpeg decodes it here; that of a V4L2 camera is only received."""
        if not self._grab():
            raise self._make_error("it stopped delivering")

    def retrieve(self, reduction: Reduction | None = None) -> Picture:
        """The picture that was grabbed, decoded and converted to BGR; never reduced."""
        picture = self._retrieve()
        if picture is None:
            raise self._make_error("it stopped delivering")
        return picture

    def read(self) -> Picture | None:
        """The next picture."""
        picture = self._retrieve() if self._grab() else None
        if picture is None and self._source.live:
            raise self._make_error("it stopped delivering")
        if picture is None and self._frames == 0:
            raise self._make_error("it has no pictures")
        return picture

    def close(self) -> None:
        """Release the capture."""
        self._capture.release()

    def _grab(self) -> bool:
        try:
            return self._capture.grab()
        except cv2.error as error:
            raise self._make_error(f"OpenCV: {error.err or error}") from error

    def _retrieve(self) -> Picture | None:
        try:
            delivered, pixels = self._capture.retrieve()
        except cv2.error as error:
            raise self._make_error(f"OpenCV: {error.err or error}") from error
        if not delivered or pixels is None:
            return None
        image = convert_to_bgr(np.asarray(pixels))
        if image is None:
            raise self._make_error(f"its pictures are {pixels.dtype} of shape {pixels.shape}")
        position_s = None if self._source.live else self._read_position()
        self._frames += 1
        return Picture(image, position_s)

    def _make_error(self, why: str) -> CameraUnavailableError | RecordingError:
        if not self._source.live:
            advice = "give a video that OpenCV can read"
            return RecordingError(f"can't read the video {self._source.shown}", why, advice)
        if self._frames == 0:
            return CameraUnavailableError(f"can't open the camera {self._source.shown}", why, "is it there?")
        return CameraUnavailableError(f"the camera {self._source.shown} is lost", why)

    def _read_position(self) -> float:
        # Some containers carry no times, so positions are counted from the frame rate.
        position_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if position_s <= 0 and self._fps > 0:
            position_s = self._frames / self._fps
        return position_s


def has_own_options() -> bool:
    """True if the user has settings for FFmpeg, which then reads all streams."""
    return os.environ.get(FFMPEG_OPTIONS_VARIABLE, FFMPEG_OPTIONS) != FFMPEG_OPTIONS


def convert_to_bgr(pixels: NDArray[Any]) -> Image | None:
    """A picture as uint8 BGR of shape (height, width, 3), also from grey or BGRA; None from other kinds."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        return None
    if channels == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]
    if channels == 4:
        return cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)  # type: ignore[return-value]
    return pixels if channels == 3 else None


def _open_capture(source: Source, node: str | None, open_timeout_ms: int) -> cv2.VideoCapture:
    if source.kind in ("device", "usb"):
        address = node or source.address
        target = int(address) if address.isdecimal() else address
        return cv2.VideoCapture(target, cv2.CAP_V4L2)
    if source.kind == "stream":
        os.environ.setdefault(FFMPEG_OPTIONS_VARIABLE, FFMPEG_OPTIONS)
        # Without these two a silent server blocks for 30 s or for ever.
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            open_timeout_ms,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MS,
            cv2.CAP_PROP_N_THREADS,  # each more would be a frame's delay
            1,
        ]
        return cv2.VideoCapture(source.address, cv2.CAP_FFMPEG, limits)
    capture = cv2.VideoCapture(source.address, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT) > LARGE_PICTURE:
        capture.release()
        capture = cv2.VideoCapture(source.address, cv2.CAP_FFMPEG)
    return capture
