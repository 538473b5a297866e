"""A network stream, opened again and again: what opening took tells how long the next one may take."""

from __future__ import annotations

import time

from edge.capture.sources.address import Source
from edge.capture.sources.video import OPEN_TIMEOUT_MS, VideoReader
from edge.errors import CameraUnavailableError

SHORTEST_MS = 2500
TIMES_AS_LONG = 2


class Stream:
    """Opens one stream through FFmpeg.

    An opening that meets a damaged stream hangs until its time-out. So a stream that has always opened
    quickly gets little time; after a failure the next try has all of it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._longest_ms: float | None = None

    @property
    def timeout_ms(self) -> int:
        """How long the next opening may take."""
        if self._longest_ms is None:
            return OPEN_TIMEOUT_MS
        return round(min(max(SHORTEST_MS, TIMES_AS_LONG * self._longest_ms), OPEN_TIMEOUT_MS))

    def open(self) -> VideoReader:
        """A reader of it; raises CameraUnavailableError."""
        began_s = time.monotonic()
        try:
            reader = VideoReader(self._source, open_timeout_ms=self.timeout_ms)
        except CameraUnavailableError:
            self._longest_ms = None
            raise
        self._longest_ms = max(self._longest_ms or 0.0, (time.monotonic() - began_s) * 1e3)
        return reader
