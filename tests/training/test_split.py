"""The split: complete, without overlap, stratified, and the same wherever and whenever it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from training.errors import DataError
from training.scan import PARTS, Part, Photograph, Scan
from training.split import Split, split


def _photographs(label: str, count: int, part: Part | None = None, start: int = 0) -> list[Photograph]:
    names = [f"{label}-{part}-{number}" for number in range(start, start + count)]
    return [Photograph(Path(n), label, hashlib.sha256(n.encode()).hexdigest(), part) for n in names]


def _split(photographs: Sequence[Photograph], seed: int = 1) -> Split:
    labels = tuple(sorted({photograph.label for photograph in photographs}))
    return split(Scan(labels, tuple(photographs), (), ()), seed=seed, val_share=0.15, test_share=0.15)


def _hashes(made: Split, part: Part) -> set[str]:
    return {item.sha256 for item in made.part(part)}


def test_every_photograph_is_in_exactly_one_part() -> None:
    photographs = _photographs("a", 100) + _photographs("b", 41)
    made = _split(photographs)
    hashes = [item.sha256 for part in PARTS for item in made.part(part)]
    assert sorted(hashes) == sorted(photograph.sha256 for photograph in photographs)


def test_each_class_is_split_alike() -> None:
    made = _split(_photographs("a", 100) + _photographs("b", 40))
    assert made.counts("train") == {"a": 70, "b": 28}
    assert made.counts("val") == {"a": 15, "b": 6}
    assert made.counts("test") == {"a": 15, "b": 6}


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_tiny_class_is_in_every_part(count: int) -> None:
    made = _split(_photographs("a", count) + _photographs("b", 50))
    assert all(made.counts(part)["a"] >= 1 for part in PARTS)


def test_two_photographs_are_too_few_for_three_parts() -> None:
    with pytest.raises(DataError, match="the class 'a' has 2 photographs; give it 3"):
        _split(_photographs("a", 2) + _photographs("b", 50))


def test_order_and_names_of_the_files_do_not_matter() -> None:
    photographs = _photographs("a", 30) + _photographs("b", 30)
    renamed = [Photograph(Path("x") / p.path, p.label, p.sha256, None) for p in reversed(photographs)]
    first, second = _split(photographs), _split(renamed)
    assert [item.sha256 for item in first.train] == [item.sha256 for item in second.train]
    assert first.fingerprint() == second.fingerprint()


def test_another_seed_is_another_split() -> None:
    photographs = _photographs("a", 30) + _photographs("b", 30)
    assert _hashes(_split(photographs, 1), "test") != _hashes(_split(photographs, 2), "test")


def test_the_users_parts_are_kept_and_only_missing_ones_are_cut() -> None:
    given = [p for label in "ab" for p in _photographs(label, 20, "train") + _photographs(label, 10, "test")]
    made = _split(given)
    assert _hashes(made, "test") == {p.sha256 for p in given if p.part == "test"}
    assert (len(made.train), len(made.val)) == (34, 6)


def test_a_complete_split_is_not_touched() -> None:
    given = [p for label in "ab" for part in PARTS for p in _photographs(label, 5, part)]
    made = _split(given)
    assert all(_hashes(made, part) == {p.sha256 for p in given if p.part == part} for part in PARTS)


def test_adding_a_photograph_moves_few_others() -> None:
    photographs = _photographs("a", 100) + _photographs("b", 100)
    before = _split(photographs)
    after = _split([*photographs, *_photographs("a", 1, start=1000)])
    assert len(_hashes(before, "test") - _hashes(after, "test")) <= 1
