"""Which part of a camera's picture counts, and which way up it is. Only numbers: preprocess.py cuts.

The part is cut out of the source's picture first, then turned, then mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Rotate = Literal[0, 90, 180, 270]
Flip = Literal["horizontal", "vertical"]
# Fractions such as 0.1 + 0.9 miss 1 by rounding.
SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle: in pixels of the source's picture, or in fractions of its width and height."""

    x: float
    y: float
    width: float
    height: float
    fractions: bool


@dataclass(frozen=True, slots=True)
class PixelRegion:
    """What was cut out, in pixels of the source's picture; rotate: in degrees, clockwise."""

    x: int
    y: int
    width: int
    height: int
    rotate: Rotate = 0
    flip: Flip | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """The part of every picture that is kept; without `crop` it is all of it."""

    crop: Crop | None = None
    rotate: Rotate = 0
    flip: Flip | None = None

    def on(self, width: int, height: int) -> PixelRegion:
        """The region on a picture of this size; raises ValueError where it lies outside."""
        left, top, right, bottom = self._edges(width, height)
        if right > width or bottom > height:
            raise ValueError(f"it ends at {right}×{bottom}, and the picture is {width}×{height}")
        return PixelRegion(left, top, right - left, bottom - top, self.rotate, self.flip)

    def _edges(self, width: int, height: int) -> tuple[int, int, int, int]:
        crop = self.crop
        if crop is None:
            return 0, 0, width, height
        right, bottom = crop.x + crop.width, crop.y + crop.height
        if not crop.fractions:
            return int(crop.x), int(crop.y), int(right), int(bottom)
        left, top = min(round(crop.x * width), width - 1), min(round(crop.y * height), height - 1)
        return left, top, max(left + 1, round(right * width)), max(top + 1, round(bottom * height))


def parse_crop(value: Any) -> Crop:
    """`x,y,w,h` as text or as four numbers; raises ValueError.

    Pixels, or fractions: numbers of at most 1 with a decimal point.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or len(parts) != 4 or any(isinstance(part, bool) for part in parts):
        raise ValueError("write x,y,width,height")
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError) as error:
        raise ValueError("write x,y,width,height as numbers") from error
    x, y, width, height = numbers
    if not all(map(math.isfinite, numbers)) or min(x, y) < 0 or min(width, height) <= 0:
        raise ValueError("x and y must not be negative, width and height must be greater than 0")
    if max(numbers) <= 1 and any("." in str(part) for part in parts):
        if max(x + width, y + height) > 1 + SLACK:
            raise ValueError("it ends outside the picture: x + width and y + height must be at most 1")
        return Crop(x, y, width, height, fractions=True)
    if any(number != int(number) for number in numbers):
        raise ValueError("pixels are whole numbers; fractions are at most 1")
    return Crop(x, y, width, height, fractions=False)
