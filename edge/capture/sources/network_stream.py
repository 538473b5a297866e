"""A network stream through FFmpeg, which learns from each opening how long the next one may take."""

from __future__ import annotations

import time

from edge.capture.reachability import is_server_answering
from edge.capture.sources.address import Source
from edge.capture.sources.reader import CameraSource
from edge.capture.sources.video import OPEN_TIMEOUT_MS, VideoReader
from edge.capture.timeouts import OpenTimeout
from edge.errors import CameraUnavailableError

# Half of the full time-out: an RTSP server takes 1.5 s (LOG.md), and a busy computer somewhat longer.
SHORTEST_MS = 2500
# FFmpeg's own interrupt comes some milliseconds early or late; a refusal comes within milliseconds.
HANG_SHARE = 0.9


class NetworkStream(CameraSource):
    """Opens one stream again and again."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._timeout = OpenTimeout(OPEN_TIMEOUT_MS / 1e3, SHORTEST_MS / 1e3)

    def is_reachable(self) -> bool:
        """True if its server answers."""
        return is_server_answering(self._source.address)

    @property
    def timeout_ms(self) -> int:
        """How long the next opening may take."""
        return round(self._timeout.limit_s * 1e3)

    def open(self) -> VideoReader:
        """A reader of it; raises CameraUnavailableError."""
        began_s, limit_ms = time.monotonic(), self.timeout_ms
        try:
            reader = VideoReader(self._source, open_timeout_ms=limit_ms)
        except CameraUnavailableError:
            if time.monotonic() - began_s >= HANG_SHARE * limit_ms / 1e3:
                self._timeout.record_hang()
            raise
        self._timeout.record_opening(time.monotonic() - began_s)
        return reader
