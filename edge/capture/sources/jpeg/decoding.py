"""Decodes the JPEGs of a live source: reduced where that is enough; a few damaged ones are forgiven."""

from __future__ import annotations

from edge.capture.sources.jpeg.framing import read_jpeg_size
from edge.capture.sources.reader import Picture, Reduction
from edge.errors import ImageError
from edge.preprocess import decode as decode_image

# A second at the usual rate: a bad line damages single pictures, and 30 in a row mean another format.
MAX_BROKEN = 30


class JpegDecoder:
    """Decodes one source's JPEGs."""

    def __init__(self) -> None:
        self._broken = 0

    def decode(self, jpeg: bytes | memoryview, reduction: Reduction | None) -> Picture | None:
        """The picture, None where it is damaged; raises ImageError for many of those one after the other."""
        try:
            pixels = decode_image(jpeg, reduced=_choose_reduction(jpeg, reduction))
        except ImageError as error:
            self._broken += 1
            if self._broken < MAX_BROKEN:
                return None
            why = f"{MAX_BROKEN} broken pictures one after the other"
            raise ImageError("can't decode the pictures", why) from error
        self._broken = 0
        return Picture(pixels)


def _choose_reduction(jpeg: bytes | memoryview, reduction: Reduction | None) -> int:
    size = read_jpeg_size(jpeg) if reduction else None
    return reduction(*size) if reduction and size and all(size) else 1
