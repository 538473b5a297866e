"""The agent as it was before it could leave pictures undecoded; MJPEG over HTTP comes through FFmpeg.

Run: python -m benchmarks.bare.every_picture, with the agent's own options
"""

from __future__ import annotations

from edge.capture import reader_thread
from edge.capture.sources import mjpeg
from edge.cli import main

reader_thread.GrabbingReader = type("NoReader", (), {})  # type: ignore[assignment, attr-defined]
mjpeg.has_own_options = lambda: True  # type: ignore[attr-defined]

if __name__ == "__main__":
    main()
