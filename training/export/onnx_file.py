"""ONNX: written by tf2onnx, loaded by onnxruntime; all three libraries are optional."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from edge.distribution import install_hint
from training.errors import MissingLibraryError
from training.export.exchange import INPUT, OUTPUT, Float, Loaded, Pixels, Source, quietly, translate_failures
from training.export.serving import serving

# tf2onnx 1.17 writes up to 18; runtimes of 2022 and later read 17.
OPSET = 17
LIBRARIES = ("onnx", "tf2onnx", "onnxruntime")
REFUSALS = (
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NotImplemented",
    "RuntimeException",
)


def need_libraries() -> None:
    """Raises MissingLibraryError where one of the libraries can't be imported."""
    for name in LIBRARIES:
        _imported(name)


def write_onnx(source: Source, path: Path) -> None:
    """The network as an ONNX file, pixels (batch, height, width, 3) → scores; raises ExportError."""
    convert = _imported("tf2onnx.convert")
    with quietly("tf2onnx can't write ONNX"):
        serve = serving(source.model, batch=None)
        network, _ = convert.from_function(serve.function, input_signature=[serve.signature], opset=OPSET)
        for end in (*network.graph.input, *network.graph.output):
            end.type.tensor_type.shape.dim[0].dim_param = "batch"
        path.write_bytes(network.SerializeToString())


def load_onnx(path: Path) -> Loaded:
    """An ONNX file on onnxruntime's CPU provider; raises ExportError."""
    runtime, what = _imported("onnxruntime"), f"onnxruntime can't run {path.name}"
    with quietly(what, *_refusals()):
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def scores(pixels: Pixels) -> Float:
        with translate_failures(what, *_refusals()):
            return np.asarray(session.run([OUTPUT], {INPUT: pixels.astype(np.float32)})[0])

    return Loaded("onnxruntime", runtime.__version__, scores)


def _refusals() -> list[type[Exception]]:
    state = _imported("onnxruntime.capi.onnxruntime_pybind11_state")
    return [getattr(state, name) for name in REFUSALS]


def _imported(name: str) -> Any:
    with quietly(f"can't load {name}"):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            advice = install_hint("onnx")
            raise MissingLibraryError("can't export to ONNX", str(error), advice) from error
