"""Seeded changes of prepared training photographs: what a camera's next picture might look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from edge.preprocess import Image, PreprocessSpec
from training.settings import Settings

FULL = 255.0
Share = Annotated[float, Field(ge=0.0, le=0.5)]


class Augment(Settings):
    """How far a training photograph may be changed; each change is drawn evenly from ± its limit.

    flip mirrors every second picture. rotate is in degrees; zoom, shift, brightness and contrast are
    shares of the picture's size or of full brightness. Small on purpose: wider ones cost accuracy on still
    photographs, none at all cost more on a camera that moves (LOG.md).
    """

    flip: bool = True
    rotate_deg: float = Field(default=2.0, ge=0.0, le=180.0)
    zoom: Share = 0.03
    shift: Share = 0.02
    brightness: Share = 0.03
    contrast: Share = 0.08


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How photographs are prepared, and how training photographs are changed.

    count: how many changed copies of each training photograph there are.
    """

    spec: PreprocessSpec
    seed: int = 0
    augment: Augment = field(default_factory=Augment)
    count: int = 0


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
