"""A TFLite network taken apart and put together again: TensorFlow's own object form of the file format."""

from __future__ import annotations

import importlib
from typing import Any

import flatbuffers
import numpy as np

from training.libraries import tensorflow

IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16  # the schema's force_align, which the Python library does not know of
MORE_BYTES = 4096


def schema() -> Any:
    """The classes of the file format's tables; raises MissingLibraryError."""
    tensorflow()
    return importlib.import_module("tensorflow.lite.python.schema_py_generated")


def unpacked(network: bytes) -> Any:
    """The network as a ModelT, to be read and changed."""
    tables = schema()
    model = tables.ModelT.InitFromObj(tables.Model.GetRootAsModel(network, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:  # weights behind the tables, as some converters write them
            buffer.data = np.frombuffer(network, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def packed(model: Any) -> bytes:
    """A ModelT as a network file; weights stay aligned to 16 bytes."""
    builder = _AlignedBuilder(MORE_BYTES)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns every vector of bytes, weights among them, as the C++ writer does."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
        aligned = BUFFER_ALIGNMENT if elemSize == 1 else alignment
        return super().StartVector(elemSize, numElems, aligned)
