"""JPEGs of a live source → pictures: reduced where that is enough, a few damaged ones forgiven."""

from __future__ import annotations

from edge.capture.sources.jpeg_framing import size_of_jpeg
from edge.capture.sources.reader import Picture, Reduction
from edge.errors import ImageError
from edge.preprocess import decode

MOST_BROKEN = 30


class JpegDecoder:
    """Decodes one source's JPEGs."""

    def __init__(self) -> None:
        self._broken = 0

    def picture(self, jpeg: bytes | memoryview, reduction: Reduction | None) -> Picture | None:
        """The picture, None where it is damaged; raises ImageError for many of those one after the other."""
        try:
            pixels = decode(jpeg, reduced=_factor(jpeg, reduction))
        except ImageError as error:
            self._broken += 1
            if self._broken < MOST_BROKEN:
                return None
            why = f"{MOST_BROKEN} broken pictures one after the other"
            raise ImageError("can't decode the pictures", why) from error
        self._broken = 0
        return Picture(pixels)


def _factor(jpeg: bytes | memoryview, reduction: Reduction | None) -> int:
    size = size_of_jpeg(jpeg) if reduction else None
    return reduction(*size) if reduction and size and all(size) else 1
