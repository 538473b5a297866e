"""Keras → TFLite, float and full int8: all that the project asks of TensorFlow's converter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import ConversionError
from training.libraries import quiet_terminal, tensorflow


def to_float(model: Any) -> bytes:
    """A float32 network, input (1, height, width, 3) RGB 0–255; raises ConversionError."""
    return _convert(_converter(model))


def to_dynamic(model: Any) -> bytes:
    """A network with int8 weights that computes in float32, input as `to_float`'s; raises ConversionError."""
    converter = _converter(model)
    converter.optimizations = [tensorflow().lite.Optimize.DEFAULT]
    return _convert(converter)


def to_uint8(model: Any, calibration: NDArray[np.uint8]) -> bytes:
    """A full-integer network with uint8 input and output, ranges from `calibration` (n, h, w, 3) RGB.

    The bytes of an RGB picture are then its input as they are: raises ConversionError where the input's
    scale does not come out as 1 with zero point 0.
    """
    tf = tensorflow()
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return _convert(converter)


def _samples(calibration: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    for pixels in calibration:
        yield [pixels[None].astype(np.float32)]


def _converter(model: Any) -> Any:
    # from_keras_model would print hundreds of lines of its own and leave the batch size open
    tf = tensorflow()
    _, height, width, channels = model.input_shape
    signature = tf.TensorSpec((1, height, width, channels), tf.float32, name="pixels")
    function = tf.function(lambda pixels: model(pixels, training=False))
    # a Keras 3 model is no trackable that the converter understands: without this it drops the weights
    holder = tf.Module()
    holder.held = [variable.value for variable in model.variables]
    with quiet_terminal():
        concrete = function.get_concrete_function(signature)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder)


def _convert(converter: Any) -> bytes:
    tf = tensorflow()
    try:
        with quiet_terminal():
            return bytes(converter.convert())
    except (tf.errors.OpError, ValueError, RuntimeError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConversionError(
            "can't convert the network to TFLite", reason, "try another backbone"
        ) from error
