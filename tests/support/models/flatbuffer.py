"""Changes a few bytes of a TFLite network, found by the flatbuffer's own tables: no library needed."""

from __future__ import annotations

import struct

# schema.fbs: the number of each field in its table, and of each TensorType.
MODEL_SUBGRAPHS, SUBGRAPH_TENSORS, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, TENSOR_TYPE = 2, 0, 1, 2, 1
TYPES = {"float32": 0, "uint8": 3, "int8": 9}


def with_input_type(network: bytes, name: str) -> bytes:
    """The same network, which claims another type for its input tensor."""
    subgraph = _element(network, _field(network, _follow(network, 0), MODEL_SUBGRAPHS), 0)
    inputs = _follow(network, _field(network, subgraph, SUBGRAPH_INPUTS))
    index = struct.unpack_from("<i", network, inputs + 4)[0]
    tensor = _element(network, _field(network, subgraph, SUBGRAPH_TENSORS), index)
    place = _field(network, tensor, TENSOR_TYPE)
    assert network[place] == TYPES["uint8"]
    return network[:place] + bytes([TYPES[name]]) + network[place + 1 :]


def with_outputs_turned(network: bytes) -> bytes:
    """The same network with its two outputs in the other order, as a converter may well leave them."""
    subgraph = _element(network, _field(network, _follow(network, 0), MODEL_SUBGRAPHS), 0)
    outputs = _follow(network, _field(network, subgraph, SUBGRAPH_OUTPUTS))
    count, first, second = struct.unpack_from("<Iii", network, outputs)
    assert count == 2
    return network[: outputs + 4] + struct.pack("<ii", second, first) + network[outputs + 12 :]


def _follow(data: bytes, place: int) -> int:
    return place + int(struct.unpack_from("<I", data, place)[0])


def _field(data: bytes, table: int, number: int) -> int:
    vtable = table - int(struct.unpack_from("<i", data, table)[0])
    return table + int(struct.unpack_from("<H", data, vtable + 4 + 2 * number)[0])


def _element(data: bytes, vector_field: int, number: int) -> int:
    return _follow(data, _follow(data, vector_field) + 4 + 4 * number)
