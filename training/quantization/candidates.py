"""What is tried, in order, until a quantized network is accepted: from the fastest to the most exact.

1. int8
2. int8 with ranges from more photographs
3. int8 except for the operations that lose the most ("mixed")
4. weights alone in int8 ("dynamic")
5. float16
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.errors import ConversionError
from training.libraries import tensorflow
from training.network.convert import layer_errors, to_dynamic, to_float16, to_mixed, to_uint8
from training.progress import Reporter
from training.quantization.bias_correction import correct_bias
from training.quantization.calibration import calibration_images
from training.trained_run import TrainedRun

Pictures = NDArray[np.uint8]
Precision = Literal["int8", "mixed", "dynamic", "float16"]

# Four times as many photographs contain rare values that the first ones lack.
MORE_CALIBRATION = 4
# Of the operations, those that lose the most; a tenth was enough on solar cells (LOG.md), a third is slower.
FLOAT_SHARES = (0.1, 0.3)
# The error of a layer is stable after a few pictures.
MAX_ANALYSED = 32


@dataclass(frozen=True, slots=True)
class FloatNetwork:
    """The network to quantize: the Keras model, float32 RGB 0–255 in, and the same as a float TFLite file."""

    model: Any
    network: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network made in one of the ways. about: the way, for people. in_float: operations left in float."""

    about: str
    precision: Precision
    network: bytes
    in_float: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateMaker:
    """All the ways to quantize one network; calibration: the number of photographs to begin with."""

    source: FloatNetwork
    trained: TrainedRun
    calibration: int
    reporter: Reporter

    def make(self) -> Iterator[Candidate]:
        """Make one network after the other, each when it is asked for.

        Raises ConversionError where int8 can't be made; a later way that fails is passed over with a note.
        """
        model, pictures = self.source.model, self._pictures(self.calibration)
        yield self._make_int8(pictures, "int8")
        more = self._pictures(self.calibration * MORE_CALIBRATION)
        if len(more) > len(pictures):
            yield self._make_int8(more, f"int8, calibrated on {len(more)} pictures")
        yield from self._make_mixed(pictures)
        yield from self._try("dynamic", "weights in int8, arithmetic in float", partial(to_dynamic, model))
        yield from self._try("float16", "weights in float16, arithmetic in float", partial(to_float16, model))

    def _pictures(self, count: int) -> Pictures:
        trained = self.trained
        return calibration_images(trained.split, trained.config.spec, count, self.reporter)

    def _make_int8(self, pictures: Pictures, about: str) -> Candidate:
        self.reporter.note(f"converting to int8, calibrated on {len(pictures)} pictures")
        network = to_uint8(self.source.model, pictures)
        return Candidate(about, "int8", correct_bias(network, self.source.network, pictures))

    def _make_mixed(self, pictures: Pictures) -> Iterator[Candidate]:
        model = self.source.model
        try:
            operations = operations_by_loss(model, pictures)
        except ConversionError as error:
            self.reporter.note(str(error))
            return
        for share in FLOAT_SHARES:
            worst = operations[: max(1, round(share * len(operations)))]
            about = f"int8, {len(worst)} of {len(operations)} operations in float"
            yield from self._try("mixed", about, partial(to_mixed, model, pictures, worst), worst)

    def _try(
        self, precision: Precision, about: str, convert: Callable[[], bytes], in_float: tuple[str, ...] = ()
    ) -> Iterator[Candidate]:
        self.reporter.note(f"converting: {about}")
        try:
            yield Candidate(about, precision, convert(), in_float)
        except ConversionError as error:
            self.reporter.note(str(error))


def operations_by_loss(model: Any, calibration: Pictures) -> tuple[str, ...]:
    """The operations (named by their output tensors) that int8 harms, those that lose the most first.

    Raises ConversionError.
    """
    errors = layer_errors(model, calibration, calibration[:MAX_ANALYSED])
    return tuple(sorted(errors, key=lambda tensor: -errors[tensor]))


def quantizer_version() -> str:
    """Which converter makes the networks, like `tensorflow 2.21.0`."""
    return f"tensorflow {tensorflow().__version__}"
