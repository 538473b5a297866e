"""Decoding alone: reads a video with OpenCV and does nothing with it. Prints wall and processor seconds.

Run: python -m benchmarks.bare_decoding CLIP FRAMES
"""

from __future__ import annotations

import sys
import time

import cv2


def main() -> None:
    """Read `FRAMES` frames."""
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
    started, busy = time.perf_counter(), time.process_time()
    for _ in range(int(sys.argv[2])):
        delivered, _pixels = capture.read()
        if not delivered:
            raise SystemExit("the clip is too short")
    print(time.perf_counter() - started, time.process_time() - busy)


if __name__ == "__main__":
    main()
