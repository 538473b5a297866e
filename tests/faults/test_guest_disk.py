"""The disk of the emulated machine, without the machine: what a flush promises, and nothing more."""

from __future__ import annotations

import random
from pathlib import Path

from tests.guest.disk import SECTOR, Disk

OLD, NEW, NEWEST = (letter * SECTOR for letter in (b"o", b"n", b"N"))
SECTORS = 64


def _after_power_cut(folder: Path, seed: int, *, flushed: bool) -> set[bytes]:
    """What may be in sectors that were written twice, with or without a flush in between."""
    image = folder / f"disk{seed}.img"
    image.write_bytes(OLD * SECTORS)
    with Disk(image) as disk:
        disk.write(0, NEW * SECTORS)
        if flushed:
            disk.flush()
        disk.write(SECTOR, NEWEST * (SECTORS - 2))
        assert disk.read(SECTOR, SECTOR) == NEWEST
        assert disk.lose_power(random.Random(seed)) == 2 - flushed
        return {disk.read(number * SECTOR, SECTOR) for number in range(SECTORS)}


def test_what_was_flushed_survives_a_power_cut(tmp_path: Path) -> None:
    found = [_after_power_cut(tmp_path, seed, flushed=True) for seed in range(12)]
    assert set.union(*found) == {NEW, NEWEST}
    assert {NEW} in found, "it never lost all"


def test_what_was_not_flushed_may_be_lost_whole_in_part_or_not_at_all(tmp_path: Path) -> None:
    found = [_after_power_cut(tmp_path, seed, flushed=False) for seed in range(12)]
    assert {OLD} in found
    assert {OLD, NEW, NEWEST} in found
    assert {NEW, NEWEST} in found


def test_a_copy_shows_what_a_power_cut_would_leave_and_changes_nothing(tmp_path: Path) -> None:
    image, copy = tmp_path / "disk.img", tmp_path / "copy.img"
    image.write_bytes(OLD * 2)
    with Disk(image) as disk:
        disk.write(0, NEW)
        disk.flush()
        disk.write(SECTOR, NEWEST)
        left = set()
        for seed in range(12):
            assert disk.copy_after_power_cut(copy, random.Random(seed)) == 1
            left.add(copy.read_bytes())
        assert left == {NEW + OLD, NEW + NEWEST}
        assert disk.read(0, 2 * SECTOR) == NEW + NEWEST
        disk.flush()
        assert disk.copy_after_power_cut(copy, random.Random(0)) == 0
