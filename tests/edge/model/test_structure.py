"""Networks whose pointers lead astray are refused before a runtime sees them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model.flatbuffer import DamagedError
from edge.model.model_file import read_model
from edge.model.structure import check_structure


@pytest.fixture
def network(golden: Path) -> bytes:
    return read_model(golden.parent / "foreign_int8.tflite").network


def is_sound(network: bytes) -> bool:
    try:
        check_structure(network)
    except DamagedError:
        return False
    return True


def test_networks_of_the_converter_are_sound(golden: Path) -> None:
    for path in golden.parent.glob("*.tflite"):
        data = path.read_bytes()
        assert is_sound(data[: data.find(b"PK\x03\x04")] if b"PK\x03\x04" in data else data), path


def test_a_cut_off_network_is_not(network: bytes) -> None:
    # at the very end there is padding and a number that the check leaves to the runtime
    assert not [size for size in range(0, len(network) - 16, 11) if is_sound(network[:size])]


def test_damage_anywhere_ends_in_an_answer(network: bytes) -> None:
    rng = np.random.default_rng(2)
    refused = 0
    for place in range(8, len(network), 3):
        mutated = bytearray(network)
        mutated[place] = int(rng.integers(0, 256))
        refused += not is_sound(bytes(mutated))
    assert refused > 100


def test_the_end_of_a_text_is_looked_for(network: bytes) -> None:
    end = network.index(b"serving_default_pixels:0") + len("serving_default_pixels:0")
    assert network[end] == 0
    assert not is_sound(network[:end] + b"x" + network[end + 1 :])


def test_lists_that_are_longer_than_the_file_are_refused() -> None:
    # 50 subgraphs that share one list of 300 tensors, which are all the same one
    graphs, tensors = 50, 300
    first_graph = 28 + 4 * graphs + 8
    shared = first_graph + 8 * graphs
    tensor = shared + 4 + 4 * tensors + 4
    content = struct.pack("<I5HHiII", 16, 10, 8, 0, 0, 4, 0, 12, 4, graphs)
    content += b"".join(struct.pack("<I", first_graph + 4 * n - 28) for n in range(graphs))
    content += struct.pack("<HHHH", 6, 8, 4, 0)
    places = [first_graph + 8 * n for n in range(graphs)]
    content += b"".join(struct.pack("<iI", place - first_graph + 8, shared - place - 4) for place in places)
    content += struct.pack("<I", tensors)
    content += b"".join(struct.pack("<I", tensor - shared - 4 - 4 * n) for n in range(tensors))
    content += struct.pack("<HHi", 4, 4, 4)
    with pytest.raises(DamagedError, match="a list of 300 items does not fit"):
        check_structure(content)


def test_a_foreign_file_is_looked_at_before_it_runs(network: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(network[:900])
    with pytest.raises(ModelError, match=r"is damaged: .*; make or download it again"):
        read_model(path)
