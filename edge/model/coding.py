"""How a prepared picture becomes a network's input values, and how its output values become scores.

A picture's bytes go through a table of 256 entries a channel, so no coding costs more than a look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.input_settings import Triple
from edge.preprocess import Image

Activation = Literal["none", "softmax"]
Float = NDArray[np.float32]

INPUT_TYPES = ("uint8", "int8", "float32")
# Where more of the 256 values are clipped, mean and std do not belong to the input's quantization.
MAX_CLIPPED = 0.25
# Dequantized probabilities may lie this far outside 0 to 1.
ROUNDING = 0.02


@dataclass(frozen=True, slots=True)
class InputCoding:
    """The input tensor's element type and quantization, and the mean and std (R, G, B) of its real values.

    Without mean and std, bytes go in as they are (int8: less 128, which is how TFLite itself maps the two).
    Else real = (byte − mean) / std, and stored = round(real / scale) + zero_point, clipped to the type.
    """

    dtype: str
    scale: float = 0.0
    zero_point: int = 0
    mean: Triple | None = None
    std: Triple | None = None

    def table(self) -> NDArray[Any] | None:
        """What each byte becomes, of shape (1, 256, 3); None where bytes go in as they are."""
        kind = np.dtype(self.dtype)
        stored = self._unclipped()
        if kind == np.float32:
            return stored.astype(np.float32)
        limits = np.iinfo(kind)
        clipped: NDArray[Any] = np.clip(np.rint(stored), limits.min, limits.max).astype(kind)
        same = kind == np.uint8 and bool((clipped == np.arange(256)[:, None]).all())
        return None if same else clipped

    @property
    def clipped(self) -> float:
        """The share of the 256 values, in the worst channel, that leaves an integer type's range."""
        if self.dtype == "float32":
            return 0.0
        limits, stored = np.iinfo(self.dtype), np.rint(self._unclipped())
        # one step beyond is rounding: 127.5 and 128 both are a usual mean
        outside = (stored < limits.min - 1) | (stored > limits.max + 1)
        return float(outside.mean(axis=(0, 1)).max())

    def __str__(self) -> str:
        if self.mean is None or self.std is None:
            return f"{self.dtype} bytes as they are"
        return f"{self.dtype} of (x − {_short(self.mean)}) / {_short(self.std)}"

    def _unclipped(self) -> NDArray[np.float64]:
        values = np.broadcast_to(np.arange(256.0)[None, :, None], (1, 256, 3))
        if self.mean is None or self.std is None:
            return np.asarray(values - 128.0 if self.dtype == "int8" else values)
        real = np.asarray((values - np.array(self.mean)) / np.array(self.std))
        if self.dtype == "float32" or self.scale <= 0:
            return real
        return np.rint(real / self.scale) + self.zero_point


def encode(pixels: Image, table: NDArray[Any], out: NDArray[Any]) -> None:
    """Write uint8 RGB of shape (height, width, 3) into an input of the same shape, through the table."""
    cv2.LUT(pixels, table, dst=out)


def probe_pictures(height: int, width: int) -> tuple[Image, ...]:
    """A few pictures of nothing, (height, width, 3), always the same: dark, bright, noise, coarse blocks."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    blocks = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    coarse = np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.full_like(noise, 20), np.full_like(noise, 235), noise, coarse


def activation_of(rows: Float, representable: tuple[float, float] | None) -> Activation:
    """What outputs of shape (pictures, outputs) lack to be scores: a softmax, where any is outside 0 to 1.

    representable: what the quantization can express, where there is one; logits need more than 0 to 1.
    Values within 0 to 1 that don't add up to 1 are sigmoids, and scores as they are.
    """
    lowest, highest = float(rows.min()), float(rows.max())
    if representable is not None:
        lowest, highest = min(lowest, representable[0]), max(highest, representable[1])
    return "none" if lowest >= -ROUNDING and highest <= 1 + ROUNDING else "softmax"


def softmax(values: Float) -> Float:
    """Logits of shape (outputs,) as probabilities."""
    grown = np.exp(values - values.max())
    return np.asarray(grown / grown.sum(), np.float32)


def _short(values: Triple) -> str:
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"
