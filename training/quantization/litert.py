"""Google's LiteRT quantizer, which works on the float TFLite file."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.distribution import install_hint
from edge.model.interpreter import Network
from training.errors import ConversionError, MissingLibraryError
from training.libraries import quiet_terminal
from training.network.convert import to_float_of_bytes
from training.network.flatbuffer import with_uint8_ends
from training.parallel import core_count
from training.quantization.recipe import Loss, Pictures, Recipe, Subject

PACKAGE, MODULE = "litert-quantizer", "litert_quantizer"
SIGNATURE, INPUT = "serving_default", "pixels"
MOST_ANALYSED = 16
LEAST_SNR = 1e-9


class LiteRtQuantizer:
    """The `litert-quantizer` package."""

    name = "litert"

    def version(self) -> str:
        """Like `litert-quantizer 0.11.0`."""
        return f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"

    def quantize(self, subject: Subject, recipe: Recipe) -> bytes:
        """The network by the recipe; raises ConversionError, MissingLibraryError."""
        if recipe.precision == "int8":
            with _session(subject.network) as quantizer:
                _ask_for_int8(quantizer)
                return with_uint8_ends(_finished(quantizer, _ranges(subject.network, recipe.calibration)))
        network = to_float_of_bytes(subject.model)
        with _session(network) as quantizer:
            if recipe.precision == "mixed":
                _ask_for_int8(quantizer, recipe.in_float, ends=False)
                return _finished(quantizer, _ranges(network, recipe.calibration))
            if recipe.precision == "dynamic":
                quantizer.add_dynamic_config(".*", _library("qtyping").TFLOperationName.ALL_SUPPORTED, 8)
            else:
                _ask_for_float16(quantizer)
            return _finished(quantizer, None)

    def losses(self, subject: Subject, calibration: Pictures) -> list[Loss]:
        """The operations by how much noisier their output is than that of the operation before them."""
        with _session(subject.network) as quantizer:
            _ask_for_int8(quantizer)
            _finished(quantizer, _ranges(subject.network, calibration))
            snr = _library("utils.validation_utils").ValidationErrorMetric.SNR
            pictures = calibration[:MOST_ANALYSED].astype(np.float32)
            compared = quantizer.validate(_samples(pictures), [snr])
            found = compared.get_signature_comparison_result(SIGNATURE).intermediate_tensors
        noise = {name: 1 / max(entry[snr.value], LEAST_SNR) for name, entry in found.items()}
        before = dict(zip(noise, (0.0, *noise.values()), strict=False))
        return sorted(
            (Loss(name, value - before[name]) for name, value in noise.items()), key=lambda loss: -loss.error
        )


def _library(name: str) -> Any:
    """A module of the package; raises MissingLibraryError."""
    try:
        return importlib.import_module(f"{MODULE}.{name}")
    except ImportError as error:
        advice = f"{install_hint(PACKAGE)}, or take --quantizer tensorflow"
        raise MissingLibraryError(f"can't load {PACKAGE}", str(error), advice) from error


@contextmanager
def _session(network: bytes) -> Iterator[Any]:
    """The library's quantizer of a network; what it raises becomes ConversionError."""
    quantizer_class = _library("quantizer").Quantizer
    with tempfile.TemporaryDirectory() as folder, quiet_terminal(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "float.tflite"
        path.write_bytes(network)
        try:
            yield quantizer_class(str(path))
        except (ValueError, RuntimeError, TypeError, KeyError, IndexError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            advice = "take the other --quantizer"
            raise ConversionError(f"{PACKAGE} can't quantize the network", reason, advice) from error


def _ask_for_int8(quantizer: Any, in_float: Sequence[str] = (), *, ends: bool = True) -> None:
    """All in int8, but for the operations that make these tensors; input and outputs only where `ends`."""
    names, keys = _library("qtyping").TFLOperationName, _library("algorithm_manager").AlgorithmName
    quantizer.load_quantization_recipe(_library("recipe").static_wi8_ai8())
    for name in in_float:
        scope = f"^{re.escape(name)};?$"
        for operation in (names.ALL_SUPPORTED, names.OUTPUT):
            quantizer.update_quantization_recipe(scope, operation, algorithm_key=keys.NO_QUANTIZE)
    for operation in () if ends else (names.INPUT, names.OUTPUT):
        quantizer.update_quantization_recipe(".*", operation, algorithm_key=keys.NO_QUANTIZE)


def _ask_for_float16(quantizer: Any) -> None:
    qtyping, keys = _library("qtyping"), _library("algorithm_manager").AlgorithmName
    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    names = qtyping.TFLOperationName
    for operation in (names.FULLY_CONNECTED, names.CONV_2D, names.DEPTHWISE_CONV_2D):
        quantizer.update_quantization_recipe(".*", operation, config, keys.FLOAT_CASTING)


def _ranges(network: bytes, calibration: Pictures) -> Any:
    """The largest range of each tensor, as TensorFlow takes it.

    The library's own moving average clips rare values: the familiarity was then off by .05 (LOG.md).
    """
    calibrator, threads = _library("calibrator"), core_count()
    made = calibrator.Calibrator(
        network,
        threads,
        calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        _library("utils.qsv_utils").min_max_update,
    )
    samples = _samples(calibration.astype(Network(network).input.dtype))
    made.calibrate(samples, _library("recipe_manager").RecipeManager())
    return made.get_model_qsvs()


def _samples(pictures: NDArray[Any]) -> dict[str, list[dict[str, Any]]]:
    return {SIGNATURE: [{INPUT: pixels[None]} for pixels in pictures]}


def _finished(quantizer: Any, ranges: Any) -> bytes:
    made = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(made.quantized_model)
