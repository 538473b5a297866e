"""How alike two pictures are: near duplicates by fingerprint, and how much of a picture has changed.

Both look at one thumbnail, made by the one preprocessing. The limits were measured on a fixed indoor camera
(a person comes and goes in an empty room) and on photographs of groceries; LOG.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image, PreprocessSpec, prepare

Thumbnail = NDArray[np.float32]

THUMBNAIL = PreprocessSpec(width=72, height=64, fit="stretch")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
HASH_BITS, COLOUR_CELLS = 64, 48
# Grey levels: on a plain wall noise alone would decide smaller steps.
FLAT = 2.0
# Measured: frames of one scene differ by less than these, photographs of different scenes by more (LOG.md).
MAX_BITS, MAX_COLOUR, MAX_BRIGHTNESS = 4, 16.0, 40.0
# A pixel has changed if it differs by more levels than the noise of the indoor camera (LOG.md).
CHANGED_LEVELS = 12.0


def thumbnail(image: Image) -> Thumbnail:
    """uint8 BGR of any size → float32 RGB of shape (64, 72, 3), 0 to 255."""
    return prepare(image, THUMBNAIL).astype(np.float32)


def changed_share(before: Thumbnail, now: Thumbnail) -> float:
    """The share of the picture, 0 to 1, that differs by more than 12 levels in any colour channel.

    A change of up to 40 levels that is the same everywhere is the camera's (exposure, white balance), or a
    cloud's, and does not count.
    """
    difference = now - before
    everywhere = np.clip(np.median(difference, axis=(0, 1)), -MAX_BRIGHTNESS, MAX_BRIGHTNESS)
    return float(np.mean((np.abs(difference - everywhere) > CHANGED_LEVELS).any(axis=2)))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A picture in 112 bytes.

    bits: bool (64,), the difference hash: is a cell of the 8×9 grid clearly darker than its right neighbour.
    colours: uint8 (48,), the mean RGB of 4×4 cells: the hash sees no colour, and nothing of plain surfaces.
    """

    bits: NDArray[np.bool_]
    colours: NDArray[np.uint8]


def compute_fingerprint(small: Thumbnail) -> Fingerprint:
    """The fingerprint of a thumbnail. Difference hash: N. Krawetz, "Kind of Like That", 2013."""
    cells = _means(small @ LUMA, 8, 9)
    colours = np.rint(_means(small, 4, 4)).astype(np.uint8)
    return Fingerprint((cells[:, 1:] - cells[:, :-1] > FLAT).ravel(), colours.ravel())


def _means(values: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    height, width, *channels = values.shape
    blocks = values.reshape(rows, height // rows, columns, width // columns, *channels)
    return blocks.mean(axis=(1, 3))  # type: ignore[no-any-return]


class SimilarPictures:
    """Pictures by name, to be asked whether one like this is among them; keeps the newest `capacity`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._added = 0
        self._names: list[str] = []
        self._bits = np.zeros((0, HASH_BITS), np.bool_)
        self._colours = np.zeros((0, COLOUR_CELLS), np.uint8)

    def add(self, name: str, fingerprint: Fingerprint) -> None:
        """Remember a picture, in place of the oldest where there is no more room."""
        place = self._added % self._capacity
        self._added += 1
        if place == len(self._names):
            self._names.append(name)
            if place == len(self._bits):
                self._grow()
        self._names[place] = name
        self._bits[place], self._colours[place] = fingerprint.bits, fingerprint.colours

    def like(self, fingerprint: Fingerprint) -> str | None:
        """The name of a near duplicate, or None.

        At most 4 of 64 bits differ, and no colour cell by more than 16 levels once a common change of
        brightness (40 levels at most) is taken away.
        """
        count = len(self._names)
        candidates = np.flatnonzero(
            np.count_nonzero(self._bits[:count] != fingerprint.bits, axis=1) <= MAX_BITS
        )
        difference = self._colours[candidates].astype(np.float32) - fingerprint.colours
        brightness = np.median(difference, axis=1, keepdims=True) if len(candidates) else difference[:, :1]
        close = (np.abs(difference - brightness) <= MAX_COLOUR).all(axis=1)
        found = candidates[close & (np.abs(brightness[:, 0]) <= MAX_BRIGHTNESS)]
        return self._names[found[-1]] if len(found) else None

    def _grow(self) -> None:
        rows = min(self._capacity, max(64, 2 * len(self._bits))) - len(self._bits)
        self._bits = np.pad(self._bits, ((0, rows), (0, 0)))
        self._colours = np.pad(self._colours, ((0, rows), (0, 0)))
