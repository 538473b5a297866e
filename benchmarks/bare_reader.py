"""The floor of a live source: reading its pictures and nothing else, until it is stopped.

Run: python -m benchmarks.bare_reader SOURCE
"""

from __future__ import annotations

import contextlib
import sys

import cv2

from edge.camera.readers import opener
from edge.camera.sources import parse_source


def main() -> None:
    """Read as the agent does, with one thread of OpenCV's own."""
    cv2.setNumThreads(1)
    with contextlib.closing(opener(parse_source(sys.argv[1]))()) as reader:
        while True:
            reader.read()


if __name__ == "__main__":
    main()
