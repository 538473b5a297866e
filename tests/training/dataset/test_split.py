"""The split: complete, without overlap, near to its shares, and the same wherever and whenever it is made."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from training.dataset.groups import Groups, group
from training.dataset.scan import PARTS, Finding, Part, Photograph, Scan
from training.dataset.split import Split, split
from training.errors import DataError


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


@pytest.mark.parametrize("count", [20, 40, 100, 400])
def test_each_class_is_near_its_shares(count: int) -> None:
    for seed in range(20):
        made = _split(_photographs("a", count) + _photographs("b", 60), seed)
        for part in ("val", "test"):
            assert count * 0.15 * 2 / 3 - 1 < made.counts(part)["a"] <= count * 0.15 * 4 / 3


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
    assert all(2 <= made.counts("val")[label] <= 4 for label in "ab")
    assert _hashes(made, "train") | _hashes(made, "val") == {p.sha256 for p in given if p.part == "train"}


def test_a_complete_split_is_not_touched() -> None:
    given = [p for label in "ab" for part in PARTS for p in _photographs(label, 5, part)]
    made = _split(given)
    assert all(_hashes(made, part) == {p.sha256 for p in given if p.part == part} for part in PARTS)


def test_one_photograph_says_how_many_copies_there_are() -> None:
    copies = tuple(Finding(Path("x"), "a copy", "exact_duplicate", f"a/{n}.png") for n in range(39))
    found = Scan(("a", "b"), tuple(_photographs("a", 1) + _photographs("b", 9)), copies, ())
    with pytest.raises(DataError, match=r"'a' has 1 photograph \(39 more are copies\)"):
        split(found, seed=1, val_share=0.15, test_share=0.15)


def _where(made: Split) -> dict[str, Part]:
    return {item.sha256: part for part in PARTS for item in made.part(part)}


@pytest.mark.parametrize("seed", range(5))
def test_adding_photographs_moves_no_old_one_even_without_a_memory(seed: int) -> None:
    photographs = _photographs("a", 400) + _photographs("b", 400)
    before = _where(_split(photographs, seed))
    for more in (1, 40, 400):
        after = _where(_split([*photographs, *_photographs("a", more, start=1000)], seed))
        assert all(after[content] == part for content, part in before.items())


def _in_folders(label: str, folders: int, each: int, start: int = 0) -> list[Photograph]:
    return [
        replace(photograph, folder=f"f{start + number // each}")
        for number, photograph in enumerate(_photographs(label, folders * each, start=start * 1000))
    ]


def _clustered(photographs: Sequence[Photograph], rng: random.Random) -> Groups:
    """Groups by folder, and pairs of near duplicates drawn at random, also across classes."""
    indices = list(range(len(photographs)))
    rng.shuffle(indices)
    pairs = [indices[n : n + 2] for n in range(0, len(photographs) // 5, 2)]
    return group(photographs, pairs)


def _divided(photographs: Sequence[Photograph], groups: Groups, kept: dict[str, Part]) -> Split:
    labels = tuple(sorted({photograph.label for photograph in photographs}))
    found = Scan(labels, tuple(photographs), (), ())
    return split(found, seed=1, val_share=0.15, test_share=0.15, groups=groups, kept=kept)


@pytest.mark.parametrize("seed", range(10))
def test_a_growing_set_keeps_its_parts_and_its_groups(seed: int) -> None:
    rng = random.Random(seed)
    photographs = _in_folders("a", 20, 3) + _photographs("b", 40) + _photographs("c", 25)
    near: dict[str, str] = {}
    made = _divided(photographs, group(photographs, []), {})
    for step in range(1, 6):
        kept = _where(made)
        new = [
            *_in_folders("a", 1, rng.randint(1, 6), start=100 * step),  # a new sub-folder
            *(
                replace(p, folder=rng.choice(["f0", "f1", "f2"]))
                for p in _photographs("a", 3, start=70_000 + step * 10)
            ),
            *_photographs("b", rng.randint(1, 10), start=500 * step),
            *_photographs("c", 4, start=500 * step),
        ]
        for photograph in new[-3:]:  # near duplicates of old ones
            twin = rng.choice(photographs).sha256
            near[twin] = near[photograph.sha256] = near.get(twin, twin)
        photographs = [*photographs, *new]
        named = group(photographs, []).named
        made = _divided(photographs, Groups(named, near), kept)
        where = _where(made)
        assert all(where[content] == part for content, part in kept.items())
        assert len(where) + len(made.left_out) == len(photographs)
        _no_group_straddles(named, where)
        _no_group_straddles(near, where)
        for label in "abc":
            total = sum(made.counts(part)[label] for part in PARTS)
            assert all(0.02 < made.counts(part)[label] / total < 0.35 for part in ("val", "test"))


def _no_group_straddles(groups: Mapping[str, str], where: Mapping[str, Part]) -> None:
    parts: dict[str, set[Part]] = {}
    for content, name in groups.items():
        if content in where:
            parts.setdefault(name, set()).add(where[content])
    assert all(len(found) == 1 for found in parts.values())


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_kept_whole_and_shares_near(seed: int) -> None:
    photographs = _in_folders("a", 60, 4) + _in_folders("b", 30, 3)
    groups = _clustered(photographs, random.Random(seed))
    made = _divided(photographs, groups, {})
    where = _where(made)
    _no_group_straddles(groups.named, where)
    _no_group_straddles(groups.alike, where)
    assert all(item.group for item in made.train)
    for label, count in (("a", 240), ("b", 90)):
        assert all(0.08 < made.counts(part)[label] / count < 0.22 for part in ("val", "test"))


def test_too_few_sub_folders_are_split_by_photograph_and_said() -> None:
    photographs = _in_folders("a", 2, 20) + _in_folders("b", 10, 4)
    made = _divided(photographs, group(photographs, []), {})
    assert all(made.counts(part)["a"] >= 4 for part in PARTS)
    assert made.notices == (
        "class a: too few sub-folders to fill every part, so split photograph by photograph",
    )


def test_too_few_matches_of_a_pattern_are_an_error() -> None:
    photographs = [replace(p, name=f"a/s1_{n}.jpg") for n, p in enumerate(_photographs("a", 9))]
    with pytest.raises(
        DataError, match=r"--group-by .*: the class 'a' falls into 1 group; it takes 3 at least"
    ):
        _divided([*photographs, *_photographs("b", 9)], group(photographs, [], "^(s1)"), {})


def test_a_class_that_is_all_alike_is_split_all_the_same_and_said() -> None:
    photographs = _photographs("a", 30) + _photographs("b", 30)
    made = _divided(photographs, group(photographs, [range(30)]), {})
    assert all(made.counts(part)["a"] >= 1 for part in PARTS)
    assert made.notices[0].startswith("class a: nearly all are alike")


def test_where_a_part_was_deleted_the_history_gives_way() -> None:
    photographs = _photographs("a", 30) + _photographs("b", 30)
    kept: dict[str, Part] = {photograph.sha256: "train" for photograph in photographs}
    made = _divided(photographs, Groups(), kept)
    assert all(made.counts(part)[label] >= 1 for part in PARTS for label in "ab")
    assert "an earlier run's parts can't all be kept" in made.notices[0]


def test_a_split_from_before_groups_is_read() -> None:
    made = _split(_photographs("a", 5) + _photographs("b", 5))
    old = made.model_dump(mode="json", exclude={"left_out", "notices"})
    for part in PARTS:
        for item in old[part]:
            del item["group"]
    assert Split.model_validate_json(json.dumps(old)) == made
