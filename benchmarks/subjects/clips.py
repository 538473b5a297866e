"""The recordings that are measured with: a real one, and the same in full high definition."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2

RECORDING = Path(__file__).parents[3] / "shared" / "media" / "one-by-one-person-detection.mp4"
MISSING = f"the recording {RECORDING.name} is not there"


def is_there() -> bool:
    """Whether the real recording is at hand."""
    return RECORDING.is_file()


def frame_count(clip: Path) -> int:
    """How many frames a video has, as its container says."""
    capture = cv2.VideoCapture(str(clip))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return count


def full_hd(folder: Path, seconds: int = 60) -> Path:
    """The beginning of the recording at 1920×1080 as H.264 of 6 Mbit/s, made in `folder` by ffmpeg."""
    clip = folder / f"recording-1080p-{seconds}.mp4"
    if not clip.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["ffmpeg", "-y", "-v", "error", "-i", str(RECORDING), "-t", str(seconds), "-an"]
        command += ["-vf", "scale=1920:1080", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "6M"]
        subprocess.run([*command, str(clip)], check=True)
    return clip
