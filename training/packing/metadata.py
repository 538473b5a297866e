"""TFLite Metadata 1.5, written by hand with flatbuffers (its own library has no wheels for current Pythons).

Field numbers are those of metadata_schema.fbs. The metadata becomes part of the network's flatbuffer, as
buffer `TFLITE_METADATA`, so the network's hash covers it. There the outputs get their order and their names
as well: the converter has its own ideas of both, and other readers take the first for the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np

from edge.model.model_file import LABELS, MANIFEST
from training.network.flatbuffer import packed, schema, unpacked

METADATA_ENTRY, METADATA_IDENTIFIER = "TFLITE_METADATA", b"M001"
PARSER_VERSION = "1.5.0"
NORMALIZATION_OPTIONS, FEATURE_PROPERTIES, IMAGE_PROPERTIES, RGB, TENSOR_AXIS_LABELS = 1, 1, 2, 1, 2
SCORES_OUTPUT, FAMILIARITY_OUTPUT = "scores", "familiarity"

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
    """The network, its scores before its familiarity if it has one, with the metadata as one more buffer."""
    model, tables = unpacked(network), schema()
    outputs = _order_outputs(model.subgraphs[0])
    buffer, entry = tables.BufferT(), tables.MetadataT()
    buffer.data = np.frombuffer(encode(description, outputs), np.uint8)
    entry.name, entry.buffer = METADATA_ENTRY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return packed(model)


def _order_outputs(graph: Any) -> int:
    """Scores first, then the familiarity, the one with a single value; how many outputs there are."""
    graph.outputs = np.array(sorted(graph.outputs, key=lambda i: -np.prod(graph.tensors[i].shape)), np.int32)
    for index, name in zip(graph.outputs, (SCORES_OUTPUT, FAMILIARITY_OUTPUT), strict=False):
        graph.tensors[index].name = name.encode()
    return len(graph.outputs)


def encode(description: Description, outputs: int = 2) -> bytes:
    """The ModelMetadata flatbuffer of a network with scores, and familiarity as its second output."""
    b = flatbuffers.Builder(1024)
    described = [_scores_tensor, _familiarity_tensor][:outputs]
    subgraph = _table(
        b,
        10,
        _offset(2, _offsets(b, [_input_tensor(b, description)])),
        _offset(3, _offsets(b, [describe(b) for describe in described])),
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


def _scores_tensor(b: Any) -> int:
    labels = _associated_file(b, LABELS, "one label a line, in the output's order", TENSOR_AXIS_LABELS)
    files = _offset(6, _offsets(b, [labels]))
    return _output_tensor(b, "probability", "softmax score of each label", 0.0, files)


def _familiarity_tensor(b: Any) -> int:
    about = "how like its training photographs the picture is: the limit is in manifest.json"
    return _output_tensor(b, FAMILIARITY_OUTPUT, about, -1.0)


def _output_tensor(b: Any, name: str, about: str, lowest: float, *more: Field) -> int:
    content = _table(b, 3, _byte(0, FEATURE_PROPERTIES), _offset(1, _table(b, 0)))
    stats = _table(b, 2, _offset(0, _floats(b, [1.0])), _offset(1, _floats(b, [lowest])))
    described = (_offset(0, b.CreateString(name)), _offset(1, b.CreateString(about)))
    return _table(b, 7, *described, _offset(3, content), _offset(5, stats), *more)


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
