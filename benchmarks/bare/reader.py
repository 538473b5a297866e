"""The floor of a live source: reading its pictures, or taking them over undecoded, until it is stopped.

Run: python -m benchmarks.bare.reader read|grab SOURCE; it writes an empty line after the first picture.
"""

from __future__ import annotations

import contextlib
import sys

import cv2

from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import make_opener


def main() -> None:
    """Read as the agent does, with one thread of OpenCV's own."""
    _, how, source = sys.argv
    cv2.setNumThreads(1)
    with contextlib.closing(make_opener(parse_source(source))()) as reader:
        take = getattr(reader, how)
        take()
        print(flush=True)
        while True:
            take()


if __name__ == "__main__":
    main()
