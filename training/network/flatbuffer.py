"""A TFLite network taken apart and put together again: TensorFlow's own object form of the file format."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import flatbuffers
import numpy as np

from training.libraries import tensorflow

IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16  # the schema's force_align, which the Python library does not know of
MORE_BYTES = 4096
ZERO_POINT_SHIFT = 128  # from int8 to uint8


def schema() -> Any:
    """The classes of the file format's tables; raises MissingLibraryError."""
    tensorflow()
    return importlib.import_module("tensorflow.lite.python.schema_py_generated")


def unpacked(network: bytes) -> Any:
    """The network as a ModelT, to be read and changed."""
    tables = schema()
    model = tables.ModelT.InitFromObj(tables.Model.GetRootAsModel(network, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:  # weights behind the tables, as LiteRT's quantizer writes them
            buffer.data = np.frombuffer(network, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def packed(model: Any) -> bytes:
    """A ModelT as a network file; weights stay aligned to 16 bytes."""
    builder = _AlignedBuilder(MORE_BYTES)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def with_uint8_ends(network: bytes) -> bytes:
    """The network with uint8 in place of int8 at its ends, for the same real values: a QUANTIZE at each."""
    model, tables = unpacked(network), schema()
    graph = model.subgraphs[0]
    code = tables.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = tables.BuiltinOperator.QUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    kind = len(model.operatorCodes) - 1
    int8 = tables.TensorType.INT8
    for place, inner in enumerate(graph.inputs):
        if graph.tensors[inner].type == int8:
            graph.inputs = _replaced(graph.inputs, place, _uint8_twin(graph, inner))
            graph.operators.insert(0, _operator(kind, graph.inputs[place], inner))
    for place, inner in enumerate(graph.outputs):
        if graph.tensors[inner].type == int8:
            graph.outputs = _replaced(graph.outputs, place, _uint8_twin(graph, inner))
            graph.operators.append(_operator(kind, inner, graph.outputs[place]))
    model.signatureDefs = []  # they name the ends that were
    return packed(model)


def _uint8_twin(graph: Any, index: int) -> int:
    """A new tensor: the int8 one's values moved up by 128."""
    tables = schema()
    inner = graph.tensors[index]
    twin = copy.copy(inner)
    twin.name, twin.type, twin.buffer = inner.name + b"_uint8", tables.TensorType.UINT8, 0
    twin.quantization = copy.copy(inner.quantization)
    twin.quantization.zeroPoint = np.asarray(inner.quantization.zeroPoint) + ZERO_POINT_SHIFT
    graph.tensors.append(twin)
    return len(graph.tensors) - 1


def _replaced(indices: Any, place: int, index: int) -> Any:
    changed = np.array(indices, np.int32)
    changed[place] = index
    return changed


def _operator(kind: int, source: int, target: int) -> Any:
    made = schema().OperatorT()
    made.opcodeIndex = kind
    made.inputs, made.outputs = np.array([source], np.int32), np.array([target], np.int32)
    return made


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns every vector of bytes, weights among them, as the C++ writer does."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
        aligned = BUFFER_ALIGNMENT if elemSize == 1 else alignment
        return super().StartVector(elemSize, numElems, aligned)
