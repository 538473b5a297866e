"""TFLite Metadata 1.5, written by hand with flatbuffers (its own library has no wheels for current Pythons).

Field numbers are those of metadata_schema.fbs. The metadata becomes part of the network's flatbuffer, as
buffer `TFLITE_METADATA`, so the network's hash covers it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np

from edge.model_file import LABELS, MANIFEST
from training.libraries import tensorflow

METADATA_ENTRY, METADATA_IDENTIFIER, NETWORK_IDENTIFIER = "TFLITE_METADATA", b"M001", b"TFL3"
PARSER_VERSION = "1.5.0"
NORMALIZATION_OPTIONS, IMAGE_PROPERTIES, RGB, TENSOR_AXIS_LABELS = 1, 2, 1, 2
BUFFER_ALIGNMENT = 16  # the schema's force_align, which the Python library does not know of

Field = tuple[int, Callable[[Any, int], None]]


@dataclass(frozen=True, slots=True)
class Description:
    """What the metadata says: names, and the input's size in pixels."""

    name: str
    version: str
    summary: str
    width: int
    height: int


def with_metadata(network: bytes, description: Description) -> bytes:
    """The network with the metadata as one more buffer; weights stay aligned to 16 bytes."""
    tensorflow()
    schema = importlib.import_module("tensorflow.lite.python.schema_py_generated")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(network, 0))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(encode(description), np.uint8)
    entry.name, entry.buffer = METADATA_ENTRY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    builder = _AlignedBuilder(len(network) + 4096)
    builder.Finish(model.Pack(builder), NETWORK_IDENTIFIER)
    return bytes(builder.Output())


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns every vector of bytes, weights among them, as the C++ writer does."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
        aligned = BUFFER_ALIGNMENT if elemSize == 1 else alignment
        return super().StartVector(elemSize, numElems, aligned)


def encode(description: Description) -> bytes:
    """The ModelMetadata flatbuffer."""
    b = flatbuffers.Builder(1024)
    subgraph = _table(
        b,
        10,
        _offset(2, _offsets(b, [_input_tensor(b, description)])),
        _offset(3, _offsets(b, [_output_tensor(b)])),
    )
    packed_manifest = _associated_file(b, MANIFEST, "what the edge agent knows of this model", 0)
    root = _table(
        b,
        8,
        _offset(0, b.CreateString(description.name)),
        _offset(1, b.CreateString(description.summary)),
        _offset(2, b.CreateString(description.version)),
        _offset(3, _offsets(b, [subgraph])),
        _offset(6, _offsets(b, [packed_manifest])),
        _offset(7, b.CreateString(PARSER_VERSION)),
    )
    b.Finish(root, METADATA_IDENTIFIER)
    return bytes(b.Output())


def _input_tensor(b: Any, description: Description) -> int:
    size = _table(b, 2, _uint(0, description.width), _uint(1, description.height))
    image = _table(b, 2, _byte(0, RGB), _offset(1, size))
    content = _table(b, 3, _byte(0, IMAGE_PROPERTIES), _offset(1, image))
    normalization = _table(b, 2, _offset(0, _floats(b, [0.0])), _offset(1, _floats(b, [1.0])))
    unit = _table(b, 2, _byte(0, NORMALIZATION_OPTIONS), _offset(1, normalization))
    stats = _table(b, 2, _offset(0, _floats(b, [255.0])), _offset(1, _floats(b, [0.0])))
    return _table(
        b,
        7,
        _offset(0, b.CreateString("image")),
        _offset(1, b.CreateString("RGB picture, values 0 to 255 as they are")),
        _offset(3, content),
        _offset(4, _offsets(b, [unit])),
        _offset(5, stats),
    )


def _output_tensor(b: Any) -> int:
    content = _table(b, 3, _byte(0, 1), _offset(1, _table(b, 0)))
    stats = _table(b, 2, _offset(0, _floats(b, [1.0])), _offset(1, _floats(b, [0.0])))
    labels = _associated_file(b, LABELS, "one label a line, in the output's order", TENSOR_AXIS_LABELS)
    return _table(
        b,
        7,
        _offset(0, b.CreateString("probability")),
        _offset(1, b.CreateString("softmax score of each label")),
        _offset(3, content),
        _offset(5, stats),
        _offset(6, _offsets(b, [labels])),
    )


def _associated_file(b: Any, name: str, description: str, kind: int) -> int:
    return _table(
        b, 5, _offset(0, b.CreateString(name)), _offset(1, b.CreateString(description)), _byte(2, kind)
    )


def _table(b: Any, slots: int, *fields: Field) -> int:
    b.StartObject(slots)
    for slot, put in fields:
        put(b, slot)
    return int(b.EndObject())


def _offset(slot: int, value: int) -> Field:
    return slot, lambda b, number: b.PrependUOffsetTRelativeSlot(number, value, 0)


def _byte(slot: int, value: int) -> Field:
    return slot, lambda b, number: b.PrependInt8Slot(number, value, 0)


def _uint(slot: int, value: int) -> Field:
    return slot, lambda b, number: b.PrependUint32Slot(number, value, 0)


def _offsets(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())


def _floats(b: Any, values: Sequence[float]) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.float32)))
