"""Encoded pictures as bytes: finds the end of a JPEG, splits streams, tells complete files. Pure."""

from __future__ import annotations

from collections.abc import Iterator

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
START_OF_SCAN = 0xDA
# Codes and markers by ITU T.81, table B.1. The three codes that are left out are tables.
FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
# Markers without a length.
STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB\x60\x82"
# A 48-megapixel JPEG has about this size; a stream without a JPEG must not fill the memory.
MAX_FRAME_BYTES = 16 << 20


def find_jpeg_end(data: bytes | bytearray, start: int = 0, searched: int = 0) -> int | None:
    """The end of the JPEG that begins at `start`, None while it is not complete; ValueError if it is no JPEG.

    searched: an earlier call has found no end up to here.
    """
    for marker, at, length in _walk_segments(data, start):
        if marker == START_OF_SCAN:
            end = data.find(JPEG_END, max(at + length, searched))
            return None if end < 0 else end + 2
    return None


def read_jpeg_size(data: bytes | bytearray | memoryview) -> tuple[int, int] | None:
    """Width and height from the frame header, None where no header comes before the first scan."""
    try:
        for marker, at, length in _walk_segments(data, 0):
            if marker in FRAME_HEADERS and length >= 8 and at + length <= len(data):
                height, width = data[at + 3 : at + 5], data[at + 5 : at + 7]
                return int.from_bytes(width, "big"), int.from_bytes(height, "big")
            if marker == START_OF_SCAN:
                break
    except ValueError:
        return None
    return None


def _walk_segments(data: bytes | bytearray | memoryview, start: int) -> Iterator[tuple[int, int, int]]:
    """The segments of a JPEG, each as marker, position of its length, and that length; ValueError if no JPEG.

    Segments are skipped by their lengths (ITU T.81, annex B): a thumbnail inside one has an end of its own.
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


def is_complete(data: bytes) -> bool:
    """True if an image file is complete, by its own marks: JPEG, PNG, BMP or WebP."""
    if data.startswith(JPEG_START):
        try:
            return find_jpeg_end(data) is not None
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
    """Splits a stream of bytes into JPEGs, and drops what lies between them."""

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The JPEGs that are complete now; raises ValueError where one is too large."""
        self._buffer += data
        found = []
        while (jpeg := self._next()) is not None:
            found.append(jpeg)
        if len(self._buffer) > self._max_bytes:
            raise ValueError(f"no whole JPEG in {self._max_bytes} bytes")
        return found

    def _next(self) -> bytes | None:
        """Take the first complete JPEG; the buffer then begins with a JPEG, or is empty."""
        while True:
            start = self._buffer.find(JPEG_START)
            if start < 0:
                del self._buffer[: -1 if self._buffer.endswith(JPEG_START[:1]) else None]
                return None
            del self._buffer[:start]
            try:
                end = find_jpeg_end(self._buffer, searched=self._searched)
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
