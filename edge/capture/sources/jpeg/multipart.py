"""The JPEGs in a `multipart/x-mixed-replace` answer, as network cameras send them.

A part with a length is read without looking into it. From the first part without one on, the stream is
searched for JPEGs.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from edge.capture.sources.jpeg.framing import JPEG_START, MAX_FRAME_BYTES, JpegSplitter

# Cameras send three or four short header lines. More is another protocol, which must not fill the memory.
MAX_LINE_BYTES, MAX_LINES = 1 << 12, 64
# Some cameras send text between their pictures, one part at a time; 30 in a row are no camera's.
MAX_OTHER_PARTS = 30
# Most JPEGs of cameras fit into one or two reads of this size.
CHUNK_BYTES = 1 << 16
# A slow line takes seconds for a large picture.
JPEG_TIMEOUT_S = 10.0
LENGTH = b"content-length:"


class Stream(Protocol):
    """What http.client's answers can do."""

    def readline(self, limit: int = -1, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int: ...

    def read1(self, n: int = -1, /) -> bytes: ...


class MultipartJpegs:
    """Cuts the stream into JPEGs."""

    def __init__(
        self, stream: Stream, max_bytes: int = MAX_FRAME_BYTES, timeout_s: float = JPEG_TIMEOUT_S
    ) -> None:
        self._stream, self._max_bytes, self._timeout_s = stream, max_bytes, timeout_s
        self._until_s = 0.0
        self._buffer = bytearray()
        self._splitter: JpegSplitter | None = None
        self._found: deque[bytes] = deque()

    def next(self) -> bytes | memoryview:
        """The next JPEG, which is valid until the next call.

        Raises EOFError at the stream's end, TimeoutError where bytes come but no JPEG is complete within
        `timeout_s`, ValueError where there are no JPEGs or too large ones, and what the stream raises.
        """
        self._until_s = time.monotonic() + self._timeout_s
        for _ in range(MAX_OTHER_PARTS):
            length = None if self._splitter else self._begin_part()
            if length is None:
                return self._search_jpeg()
            part = self._read(length)
            if part[:2] == JPEG_START:
                return part
        raise ValueError(f"{MAX_OTHER_PARTS} parts that are no JPEG")

    def _begin_part(self) -> int | None:
        """Read up to the next part's content; its length, None where it does not say that."""
        left = self._max_bytes
        while not (line := self._read_line()).startswith(b"--"):
            left -= len(line)
            if left < 0:
                raise ValueError(f"no boundary in {self._max_bytes} bytes")
        length = None
        for _ in range(MAX_LINES):
            line = self._read_line().strip()
            if not line:
                return length
            if line.lower().startswith(LENGTH):
                length = self._parse_length(line[len(LENGTH) :])
        raise ValueError(f"a part's head has more than {MAX_LINES} lines")

    def _parse_length(self, text: bytes) -> int:
        length = int(text) if text.strip().isdigit() else -1
        if not 0 <= length <= self._max_bytes:
            raise ValueError(f"a part's length is {text.strip()[:20].decode('ascii', 'replace')}")
        return length

    def _check_time(self) -> None:
        if time.monotonic() > self._until_s:
            raise TimeoutError

    def _read_line(self) -> bytes:
        self._check_time()
        line = self._stream.readline(MAX_LINE_BYTES)
        if not line:
            raise EOFError
        return line

    def _read(self, length: int) -> memoryview:
        if len(self._buffer) < length:
            self._buffer = bytearray(length)
        part, at = memoryview(self._buffer)[:length], 0
        while at < length:
            self._check_time()
            count = self._stream.readinto(part[at:])
            if not count:
                raise EOFError
            at += count
        return part

    def _search_jpeg(self) -> bytes:
        self._splitter = self._splitter or JpegSplitter(self._max_bytes)
        while not self._found:
            self._check_time()
            data = self._stream.read1(CHUNK_BYTES)
            if not data:
                raise EOFError
            self._found.extend(self._splitter.feed(data))
        return self._found.popleft()
