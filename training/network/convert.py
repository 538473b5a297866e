"""Keras → TFLite, float and quantized: all that the project asks of TensorFlow's converter."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.errors import ConversionError
from training.libraries import quiet_terminal, tensorflow

Pictures = NDArray[np.uint8]
Result = TypeVar("Result")


def to_float(model: Any) -> bytes:
    """A float32 network, input float32 (1, height, width, 3) RGB 0–255; raises ConversionError."""
    return bytes(_tried(_converter(model).convert))


def to_float_of_bytes(model: Any) -> bytes:
    """A float32 network that takes uint8 pixels and casts them itself; raises ConversionError."""
    return bytes(_tried(_converter(model, uint8=True).convert))


def to_uint8(model: Any, calibration: Pictures) -> bytes:
    """A full-integer network with uint8 input and output, ranges from `calibration` (n, h, w, 3) RGB.

    The bytes of an RGB picture are then its input as they are: raises ConversionError where the input's
    scale does not come out as 1 with zero point 0.
    """
    tf = tensorflow()
    converter = _calibrated(model, calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return bytes(_tried(converter.convert))


def to_dynamic(model: Any) -> bytes:
    """Weights in int8, activations in float; uint8 input, float32 output; raises ConversionError."""
    converter = _converter(model, uint8=True)
    converter.optimizations = [tensorflow().lite.Optimize.DEFAULT]
    return bytes(_tried(converter.convert))


def to_float16(model: Any) -> bytes:
    """Weights in float16, arithmetic in float; uint8 input, float32 output; raises ConversionError."""
    tf = tensorflow()
    converter = _converter(model, uint8=True)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(_tried(converter.convert))


def to_mixed(model: Any, calibration: Pictures, in_float: Sequence[str]) -> bytes:
    """An int8 network but for the operations whose output tensors are named; uint8 input, float32 output.

    Raises ConversionError.
    """
    options = {"denylisted_nodes": list(in_float)}
    return bytes(
        _tried(lambda: _debugger(model, calibration, calibration, options).get_nondebug_quantized_model())
    )


def layer_errors(model: Any, calibration: Pictures, pictures: Pictures) -> dict[str, float]:
    """By output tensor: the root mean square of int8's error over `pictures`, in steps of the tensor's scale.

    Each operation is compared on float inputs, so what earlier ones lost does not count. 0.29 is rounding
    alone; more is a range that does not fit. Raises ConversionError.
    """

    def run() -> dict[str, float]:
        debugger = _debugger(model, calibration, pictures, {})
        debugger.run()
        table = io.StringIO()
        debugger.layer_statistics_dump(table)
        rows = list(csv.DictReader(io.StringIO(table.getvalue())))
        return {
            row["tensor_name"]: float(row["mean_squared_error"]) ** 0.5 / float(row["scale"]) for row in rows
        }

    return _tried(run)


def _debugger(model: Any, calibration: Pictures, pictures: Pictures, options: dict[str, Any]) -> Any:
    experimental = tensorflow().lite.experimental
    return experimental.QuantizationDebugger(
        converter=_calibrated(model, calibration, uint8=True),
        debug_dataset=lambda: _samples(pictures, np.uint8),
        debug_options=experimental.QuantizationDebugOptions(**options),
    )


def _calibrated(model: Any, calibration: Pictures, *, uint8: bool = False) -> Any:
    converter = _converter(model, uint8=uint8)
    converter.optimizations = [tensorflow().lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(calibration, np.uint8 if uint8 else np.float32)
    return converter


def _samples(pictures: Pictures, kind: type) -> Iterator[list[NDArray[Any]]]:
    for pixels in pictures:
        yield [pixels[None].astype(kind)]


def _converter(model: Any, *, uint8: bool = False) -> Any:
    # from_keras_model would print hundreds of lines of its own and leave the batch size open
    tf = tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    _, height, width, channels = model.input_shape
    kind = tf.uint8 if uint8 else tf.float32
    signature = tf.TensorSpec((1, height, width, channels), kind, name="pixels")
    function = tf.function(lambda pixels: model(tf.cast(pixels, tf.float32), training=False))
    with quiet_terminal():
        # weights as constants: variables it would write into a checkpoint first, which takes as long again
        frozen = convert_variables_to_constants_v2(function.get_concrete_function(signature))
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())


def _tried(work: Callable[[], Result]) -> Result:
    tf = tensorflow()
    try:
        with quiet_terminal(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow warns of its own interpreter
            return work()
    except (tf.errors.OpError, ValueError, RuntimeError, TypeError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConversionError(
            "can't convert the network to TFLite", reason, "try another backbone"
        ) from error
