"""A recording to measure on where no camera is named: like a webcam's, in MJPEG."""

from __future__ import annotations

from pathlib import Path

import cv2

from edge.capture.sources.address import parse_source
from edge.capture.sources.test_pattern import TestPattern
from edge.errors import StorageError

# What a webcam delivers unless it is told otherwise.
WIDTH, HEIGHT, FPS = 640, 480, 30
DESCRIPTION = f"a synthetic {WIDTH}×{HEIGHT} MJPEG video"


def write_recording(path: Path, frames: int) -> None:
    """Write `frames` pictures of moving bars with noise as an AVI file; raises StorageError."""
    pattern = TestPattern(parse_source(f"test://?size={WIDTH}x{HEIGHT}"))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        what = f"can't write a video to measure on into {path.parent}"
        raise StorageError(what, "", "give one: --camera clip.mp4")
    try:
        for index in range(frames):
            writer.write(pattern.draw(index))
    finally:
        writer.release()
