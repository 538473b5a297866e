"""Photographs as a camera's stream would show them: no larger than a frame needs to be, and compressed."""

from __future__ import annotations

import cv2
import numpy as np

from edge.preprocess import Image, PreprocessSpec

STREAM_QUALITY = 30  # JPEG: what cheap cameras and narrow links make of a picture


def shrunk(image: Image, spec: PreprocessSpec) -> Image:
    """The picture, its short side at most twice the input's; uint8 BGR (height, width, 3)."""
    height, width = image.shape[:2]
    scale = 2 * min(spec.width, spec.height) / min(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def streamed(image: Image, spec: PreprocessSpec) -> Image:
    """The picture after a camera's encoder; uint8 BGR (height, width, 3)."""
    _, encoded = cv2.imencode(".jpg", shrunk(image, spec), [cv2.IMWRITE_JPEG_QUALITY, STREAM_QUALITY])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
