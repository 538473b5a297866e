"""The JPEGs in a `multipart/x-mixed-replace` answer, as network cameras send them.

A part that says how long it is is read without looking at it; from the first one on that does not, the
stream is searched for JPEGs.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from edge.capture.sources.jpeg_framing import JPEG_START, MAX_FRAME_BYTES, JpegSplitter

MAX_LINE_BYTES, MOST_LINES = 1 << 12, 64
MOST_OTHER_PARTS = 30
CHUNK_BYTES = 1 << 16
PATIENCE_S = 10.0  # a slow line takes seconds for a large picture
LENGTH = b"content-length:"


class Stream(Protocol):
    """What http.client's answers can do."""

    def readline(self, limit: int = -1, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int: ...

    def read1(self, n: int = -1, /) -> bytes: ...


class MultipartJpegs:
    """Cuts the stream into JPEGs."""

    def __init__(
        self, stream: Stream, max_bytes: int = MAX_FRAME_BYTES, patience_s: float = PATIENCE_S
    ) -> None:
        self._stream, self._max_bytes, self._patience_s = stream, max_bytes, patience_s
        self._until_s = 0.0
        self._buffer = bytearray()
        self._splitter: JpegSplitter | None = None
        self._found: deque[bytes] = deque()

    def next(self) -> bytes | memoryview:
        """The next JPEG, which is good until the next call.

        Raises EOFError at the stream's end, TimeoutError where bytes come but in `patience_s` no JPEG is
        whole, ValueError where it holds no JPEGs, or too large ones, and what the stream raises.
        """
        self._until_s = time.monotonic() + self._patience_s
        for _ in range(MOST_OTHER_PARTS):
            length = None if self._splitter else self._begin_part()
            if length is None:
                return self._searched()
            part = self._read(length)
            if part[:2] == JPEG_START:
                return part
        raise ValueError(f"{MOST_OTHER_PARTS} parts that are no JPEG")

    def _begin_part(self) -> int | None:
        """Read up to the next part's content; its length, None where it does not say that."""
        left = self._max_bytes
        while not (line := self._line()).startswith(b"--"):
            left -= len(line)
            if left < 0:
                raise ValueError(f"no boundary in {self._max_bytes} bytes")
        length = None
        for _ in range(MOST_LINES):
            line = self._line().strip()
            if not line:
                return length
            if line.lower().startswith(LENGTH):
                length = self._length(line[len(LENGTH) :])
        raise ValueError(f"a part's head has more than {MOST_LINES} lines")

    def _length(self, text: bytes) -> int:
        length = int(text) if text.strip().isdigit() else -1
        if not 0 <= length <= self._max_bytes:
            raise ValueError(f"a part's length is {text.strip()[:20].decode('ascii', 'replace')}")
        return length

    def _check_time(self) -> None:
        if time.monotonic() > self._until_s:
            raise TimeoutError

    def _line(self) -> bytes:
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

    def _searched(self) -> bytes:
        self._splitter = self._splitter or JpegSplitter(self._max_bytes)
        while not self._found:
            self._check_time()
            data = self._stream.read1(CHUNK_BYTES)
            if not data:
                raise EOFError
            self._found.extend(self._splitter.feed(data))
        return self._found.popleft()
