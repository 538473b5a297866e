"""What is asked of a quantizer: how precise, on which network, calibrated on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]
Precision = Literal["int8", "mixed", "dynamic", "float16"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to quantize: the Keras model, float32 RGB 0–255 in, and the same as a float TFLite file."""

    model: Any
    network: bytes


@dataclass(frozen=True, slots=True)
class Recipe:
    """How precise the network shall be, and what to calibrate on.

    int8: weights and activations. mixed: int8, but for the operations `in_float` (names of the tensors that
    they make). dynamic: weights int8, activations float. float16: weights float16, arithmetic float.
    calibration: uint8 RGB (n, height, width, 3), black and white among them; not used for the last two.
    """

    precision: Precision
    calibration: Pictures
    in_float: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """What rounding does to the output of an operation, in a measure of the quantizer's own."""

    tensor: str
    error: float


class Quantizer(Protocol):
    """A library that quantizes. Every network that it makes takes the bytes of an RGB picture as they are."""

    name: str

    def version(self) -> str:
        """The library's name and version."""
        ...

    def quantize(self, subject: Subject, recipe: Recipe) -> bytes:
        """The network by the recipe, uint8 (1, height, width, 3) in; raises ConversionError."""
        ...

    def losses(self, subject: Subject, calibration: Pictures) -> list[Loss]:
        """The operations of the int8 network, those that lose the most first; raises ConversionError."""
        ...
