"""A frame as a JPEG of bounded size: pure."""

from __future__ import annotations

import cv2

from edge.errors import ImageError
from edge.preprocess import Image
from edge.records import Frame

MAX_SIDE_PX = 1280
MAX_BYTES = 200_000
QUALITIES = (85, 70, 50, 30)


def jpeg(frame: Frame, max_bytes: int = MAX_BYTES) -> bytes:
    """The frame, at most 1280 pixels wide or high and `max_bytes` long; raises ImageError."""
    image = frame.pixels
    side_px = MAX_SIDE_PX
    while side_px >= 1:
        small = _fitted(image, side_px)
        for quality in QUALITIES:
            done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if done and data.nbytes <= max_bytes:
                return data.tobytes()
        side_px //= 2
    raise ImageError(f"can't make a JPEG of {max_bytes} bytes", "even one pixel takes more")


def _fitted(image: Image, side_px: int) -> Image:
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
