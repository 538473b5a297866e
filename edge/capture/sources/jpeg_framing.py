"""Encoded pictures as bytes: where a JPEG ends, cutting a stream of them, and is a file whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
START_OF_SCAN = 0xDA
FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # these three are tables
STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB\x60\x82"
MAX_FRAME_BYTES = 16 << 20


def end_of_jpeg(data: bytes | bytearray, start: int = 0, searched: int = 0) -> int | None:
    """Where the JPEG that begins at `start` ends, None while it is not whole; ValueError if it is none.

    searched: how far an earlier call has looked for its end in vain.
    """
    for marker, at, length in _segments(data, start):
        if marker == START_OF_SCAN:
            end = data.find(JPEG_END, max(at + length, searched))
            return None if end < 0 else end + 2
    return None


def size_of_jpeg(data: bytes | bytearray | memoryview) -> tuple[int, int] | None:
    """Width and height as its frame header has them, None where there is none before its first scan."""
    try:
        for marker, at, length in _segments(data, 0):
            if marker in FRAME_HEADERS and length >= 8 and at + length <= len(data):
                height, width = data[at + 3 : at + 5], data[at + 5 : at + 7]
                return int.from_bytes(width, "big"), int.from_bytes(height, "big")
            if marker == START_OF_SCAN:
                break
    except ValueError:
        return None
    return None


def _segments(data: bytes | bytearray | memoryview, start: int) -> Iterator[tuple[int, int, int]]:
    """The segments of a JPEG: marker, where its length stands, and that length; ValueError if it is none.

    They are skipped by their lengths (ITU T.81, annex B), as a thumbnail in one has an end of its own.
    """
    at = start + 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError("no JPEG: a marker is missing")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == JPEG_END[1]:
            raise ValueError("no JPEG: it ends before its picture")
        elif marker in STANDALONE:
            at += 2
        else:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            yield marker, at + 2, length
            at += 2 + length


def is_whole(data: bytes) -> bool:
    """True if an image file is complete as far as its own marks tell: JPEG, PNG, BMP, WebP."""
    if data.startswith(JPEG_START):
        try:
            return end_of_jpeg(data) is not None
        except ValueError:
            return False
    if data.startswith(PNG_START):
        return PNG_END in data[-64:]
    if data[:4] == b"RIFF":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    if data[:2] == b"BM":
        return len(data) >= max(26, int.from_bytes(data[2:6], "little"))
    return False


class JpegSplitter:
    """Cuts a stream of bytes into JPEGs; what lies between them is thrown away."""

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The JPEGs that are whole now; raises ValueError where one is larger than it may be."""
        self._buffer += data
        found = []
        while (jpeg := self._next()) is not None:
            found.append(jpeg)
        if len(self._buffer) > self._max_bytes:
            raise ValueError(f"no whole JPEG in {self._max_bytes} bytes")
        return found

    def _next(self) -> bytes | None:
        """Cut the first whole JPEG off; the buffer then begins with a picture's beginning, or is empty."""
        while True:
            start = self._buffer.find(JPEG_START)
            if start < 0:
                del self._buffer[: -1 if self._buffer.endswith(JPEG_START[:1]) else None]
                return None
            del self._buffer[:start]
            try:
                end = end_of_jpeg(self._buffer, searched=self._searched)
            except ValueError:
                del self._buffer[:2]
                self._searched = 0
                continue
            if end is None:
                self._searched = max(0, len(self._buffer) - 1)  # the end's first byte may be there
                return None
            with memoryview(self._buffer) as view:
                jpeg = bytes(view[:end])
            del self._buffer[:end]
            self._searched = 0
            return jpeg
