"""Small videos and pictures of the golden model's three colours, with a known label track."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

BGR = {"blue": (200, 40, 40), "green": (40, 200, 40), "red": (40, 40, 200)}
WIDTH, HEIGHT = 64, 48


def picture(label: str, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """One plain picture, uint8 BGR."""
    return np.full((height, width, 3), BGR[label], np.uint8)


def write_picture(path: Path, label: str) -> Path:
    """One plain picture as a file."""
    assert cv2.imwrite(str(path), picture(label))
    return path


def write_video(path: Path, track: Sequence[tuple[str, int]], fps: float = 20.0) -> Path:
    """A video of (label, frames) segments."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for label, frames in track:
        for _ in range(frames):
            writer.write(picture(label))
    writer.release()
    return path
