"""Class folders of small made-up photographs: one pattern a class, so that even a tiny network can tell."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
CLASSES = ("disc", "plain", "stripes")
SIDE_PX = 96


def draw(kind: str, rng: np.random.Generator, side_px: int = SIDE_PX) -> Image:
    """One picture of a kind, uint8 BGR of (side_px, side_px, 3), with noise so that no two are equal."""
    background = rng.integers(60, 120, 3)
    image = np.full((side_px, side_px, 3), background, np.uint8)
    colour = tuple(int(value) for value in rng.integers(170, 256, 3))
    if kind == "disc":
        centre = tuple(int(value) for value in rng.integers(side_px // 3, 2 * side_px // 3, 2))
        cv2.circle(image, centre, side_px // 4, colour, -1)
    elif kind == "stripes":
        start, gap = int(rng.integers(0, 8)), side_px // 8
        for x in range(start, side_px, gap):
            cv2.line(image, (x, 0), (x, side_px), colour, gap // 3)
    noise = rng.normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write(path: Path, image: Image) -> Path:
    """Write a picture in the format of its suffix, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded, data = cv2.imencode(path.suffix, image)
    if not encoded:
        raise ValueError(f"OpenCV can't write {path.suffix}")
    path.write_bytes(data.tobytes())
    return path


def write_photographs(
    root: Path, count: int, classes: tuple[str, ...] = CLASSES, seed: int = 7, suffix: str = ".png"
) -> Path:
    """`count` pictures of each class as root/<class>/<number><suffix>; returns root."""
    rng = np.random.default_rng(seed)
    for kind in classes:
        for number in range(count):
            write(root / kind / f"{number:03d}{suffix}", draw(kind, rng))
    return root
