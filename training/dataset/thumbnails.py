"""Small pictures inside a page: a photograph as a `data:` address, so that a page is one file."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2

from edge.errors import ImageError
from edge.preprocess import Image, read_image

JPEG_QUALITY = 72


def thumbnail_uri(path: Path, side_px: int) -> str | None:
    """A photograph, its longer side at most side_px, as a data URI; None where it can't be read."""
    try:
        return image_uri(read_image(path), side_px)
    except ImageError:
        return None


def image_uri(image: Image, side_px: int) -> str:
    """A picture, uint8 BGR of (height, width, 3), shrunk to side_px and encoded as a data URI."""
    height, width = image.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    encoded, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise ImageError("can't encode a picture", f"shape {image.shape}", "use uint8 of (h, w, 3)")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
