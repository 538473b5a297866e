"""TensorFlow's converter as a quantizer."""

from __future__ import annotations

from training.libraries import tensorflow
from training.network.convert import layer_errors, to_dynamic, to_float16, to_mixed, to_uint8
from training.quantization.recipe import Loss, Pictures, Recipe, Subject

MOST_ANALYSED = 32  # pictures: the error of a layer is stable after a few


class TensorFlowConverter:
    """The converter of the TensorFlow package, and its debugger for the analysis."""

    name = "tensorflow"

    def version(self) -> str:
        """Like `tensorflow 2.21.0`."""
        return f"tensorflow {tensorflow().__version__}"

    def quantize(self, subject: Subject, recipe: Recipe) -> bytes:
        """The network by the recipe; raises ConversionError."""
        if recipe.precision == "int8":
            return to_uint8(subject.model, recipe.calibration)
        if recipe.precision == "mixed":
            return to_mixed(subject.model, recipe.calibration, recipe.in_float)
        if recipe.precision == "dynamic":
            return to_dynamic(subject.model)
        return to_float16(subject.model)

    def losses(self, subject: Subject, calibration: Pictures) -> list[Loss]:
        """The operations by the error that int8 adds to each of them, in steps of its range."""
        found = layer_errors(subject.model, calibration, calibration[:MOST_ANALYSED])
        return sorted((Loss(*entry) for entry in found.items()), key=lambda loss: -loss.error)
