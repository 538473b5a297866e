"""Decoding alone: reads a video with OpenCV and does nothing with it. Prints wall and processor seconds.

Run: python -m benchmarks.bare.decoding CLIP FRAMES [MODEL]
With MODEL each picture is also made into that model's input, which none of its users can do without.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2

from edge.model.interpreter import Network
from edge.model.model_file import read_model
from edge.preprocess import PreprocessSpec, prepare


def main() -> None:
    """Read `FRAMES` frames."""
    cv2.setNumThreads(1)
    spec = _spec(Path(sys.argv[3])) if len(sys.argv) > 3 else None
    capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
    started, busy = time.perf_counter(), time.process_time()
    for _ in range(int(sys.argv[2])):
        delivered, pixels = capture.read()
        if not delivered:
            raise SystemExit("the clip is too short")
        if spec is not None:
            prepare(pixels, spec)
    print(time.perf_counter() - started, time.process_time() - busy)


def _spec(model: Path) -> PreprocessSpec:
    _, height, width, _ = Network(read_model(model).network).input.shape
    return PreprocessSpec(width, height)


if __name__ == "__main__":
    main()
