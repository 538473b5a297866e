"""What networks say of themselves, and what damaged ones can't do to the reader."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from edge.model.flatbuffer import DamagedError, root
from edge.model.foreign.metadata import Metadata, custom_operations, read_metadata
from edge.model.model_file import read_model


@pytest.fixture
def network(golden: Path) -> bytes:
    return read_model(golden.parent / "foreign_int8.tflite").network


def test_normalisation_and_label_files_are_found(network: bytes) -> None:
    found = read_metadata(network)
    assert found == Metadata((127.5,), (127.5, 127.5, 127.5), ("labelmap.txt", "labels_de.txt"))


def test_our_own_files_say_it_too(golden: Path) -> None:
    assert read_metadata(read_model(golden.with_name("familiar.tflite")).network) == Metadata(
        (0.0,), (1.0,), ("labels.txt",)
    )


def test_a_network_without_metadata_has_none(golden: Path) -> None:
    network = (golden.parent / "foreign_logits.tflite").read_bytes()
    assert read_metadata(network) is None
    assert custom_operations(network) == ()


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * 64, bytes(64), b"\x04\0\0\0TFL3" + b"\xff" * 8])
def test_what_is_no_flatbuffer_has_none(content: bytes) -> None:
    assert read_metadata(content) is None
    assert custom_operations(content) == ()


def test_damage_anywhere_ends_in_an_answer(network: bytes) -> None:
    rng = np.random.default_rng(5)
    changed = 0
    for place in range(len(network)):
        mutated = bytearray(network)
        for where in (place, *rng.integers(0, len(network), 2)):
            mutated[where] = int(rng.integers(0, 256))
        changed += read_metadata(bytes(mutated)) != read_metadata(network)
        custom_operations(bytes(mutated))
        read_metadata(network[:place])
    assert changed > 100


def test_a_list_that_claims_more_than_there_is_is_damage() -> None:
    # a table with one field, a vector of 2**31 - 1 floats
    content = bytes([12, 0, 0, 0, 6, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0]) + b"\xff\xff\xff\x7f"
    with pytest.raises(DamagedError, match="2147483647 items"):
        root(content).floats(0)


def test_a_list_that_points_a_thousand_times_to_itself_is_damage() -> None:
    # a table with one field, a vector of 1,000 tables, all of them that table
    count = 1000
    head = bytes([12, 0, 0, 0, 6, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0]) + struct.pack("<I", count)
    back = b"".join(struct.pack("<I", 2**32 - 12 - 4 * number) for number in range(count))
    with pytest.raises(DamagedError, match="1000 items"):
        root(head + back).tables(0)
