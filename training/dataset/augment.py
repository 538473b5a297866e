"""Seeded changes of prepared training photographs: what a camera's next picture might look like."""

from __future__ import annotations

import cv2
import numpy as np

from edge.preprocess import Image
from training.config import Augment

FULL = 255.0


def augmented(image: Image, limits: Augment, rng: np.random.Generator) -> Image:
    """A changed copy of uint8 RGB (h, w, 3): mirrored, moved, turned, zoomed, brighter or darker."""
    if limits.flip and rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
    return _relit(_moved(image, limits, rng), limits, rng)


def _moved(image: Image, limits: Augment, rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    angle = rng.uniform(-limits.rotate_deg, limits.rotate_deg)
    scale = 1.0 + rng.uniform(-limits.zoom, limits.zoom)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    move = rng.uniform(-limits.shift, limits.shift, 2) * np.array([width, height])
    matrix = np.column_stack((matrix[:, :2], matrix[:, 2] + move))
    # mirrored borders: a black edge would be a feature that no camera shows
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _relit(image: Image, limits: Augment, rng: np.random.Generator) -> Image:
    gain = 1.0 + rng.uniform(-limits.contrast, limits.contrast)
    lift = FULL * rng.uniform(-limits.brightness, limits.brightness)
    table = (np.arange(256) - FULL / 2) * gain + FULL / 2 + lift
    return np.asarray(cv2.LUT(image, np.rint(table.clip(0, FULL)).astype(np.uint8)), np.uint8)
