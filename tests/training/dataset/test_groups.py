"""What stays together: sub-folders, file-name patterns, near duplicates, and all that shares a photograph."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from training.dataset.groups import Groups, Ignored, bind, group
from training.dataset.scan import Part, Photograph
from training.errors import DataError


def _photograph(name: str, label: str = "mug") -> Photograph:
    digest = hashlib.sha256(f"{label} {name}".encode()).hexdigest()
    folder = name.rpartition("/")[0]
    return Photograph(Path(label) / name, label, digest, None, f"{label}/{name}", folder)


def _names(photographs: tuple[Photograph, ...]) -> set[str]:
    return {photograph.name for photograph in photographs}


def test_a_sub_folder_is_a_group_of_its_class() -> None:
    photographs = [_photograph("a/1"), _photograph("a/2"), _photograph("3"), _photograph("a/1", "plate")]
    units = bind(photographs, group(photographs, []), {}, Ignored()).units
    assert sorted(map(len, (unit.photographs for unit in units))) == [1, 1, 2]


def test_a_pattern_groups_across_classes_and_the_unmatched_stand_alone() -> None:
    photographs = [_photograph("s1_x.jpg"), _photograph("s1_y.jpg", "plate"), _photograph("other.jpg")]
    units = bind(photographs, group(photographs, [], r"^(s\d+)_"), {}, Ignored()).units
    assert sorted(len(unit.photographs) for unit in units) == [1, 2]
    assert "named s1" in {unit.key for unit in units}


def test_a_pattern_sees_the_sub_folders_and_may_do_without_a_group() -> None:
    photographs = [_photograph("day1/a.jpg"), _photograph("day1/b.jpg"), _photograph("day2/a.jpg")]
    found = group(photographs, [], r"day\d")
    assert sorted(found.named.values()) == ["day1", "day1", "day2"]


@pytest.mark.parametrize(
    ("pattern", "said"), [("(", "it is no regular expression"), ("zzz", "matches no file name")]
)
def test_a_pattern_that_is_no_use_is_one_sentence(pattern: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        group([_photograph("a.jpg")], [], pattern)


def test_groups_merge_through_a_shared_photograph() -> None:
    photographs = [_photograph("a/1"), _photograph("a/2"), _photograph("b/1"), _photograph("b/2")]
    groups = group(photographs, [(1, 2)])
    assert len(bind(photographs, groups, {}, Ignored()).units) == 1


def _bridge() -> tuple[list[Photograph], Groups, dict[str, Part]]:
    old, other, new = _photograph("old"), _photograph("other"), _photograph("new")
    groups = Groups(alike=dict.fromkeys((old.sha256, other.sha256, new.sha256), "x"))
    return [old, other, new], groups, {old.sha256: "train", other.sha256: "test"}


def test_a_new_photograph_between_two_parts_is_left_out() -> None:
    photographs, groups, kept = _bridge()
    bound = bind(photographs, groups, kept, Ignored())
    assert _names(bound.left_out) == {"mug/new"}
    assert {unit.part for unit in bound.units} == {"train", "test"}


def test_a_new_photograph_whose_folder_and_twin_disagree_is_left_out() -> None:
    first, second, new = _photograph("a/1"), _photograph("b/1"), _photograph("a/2")
    groups = group([first, second, new], [(1, 2)])
    kept: dict[str, Part] = {first.sha256: "train", second.sha256: "test"}
    assert _names(bind([first, second, new], groups, kept, Ignored()).left_out) == {"mug/a/2"}


def test_a_new_member_follows_the_old_ones() -> None:
    old, new = _photograph("a/1"), _photograph("a/2")
    bound = bind([new, old], group([new, old], []), {old.sha256: "val"}, Ignored())
    assert [(len(unit.photographs), unit.part) for unit in bound.units] == [(2, "val")]


def test_a_folder_that_an_earlier_run_tore_apart_binds_nobody() -> None:
    photographs = [_photograph("a/1"), _photograph("a/2"), _photograph("a/3")]
    kept: dict[str, Part] = {photographs[0].sha256: "train", photographs[1].sha256: "test"}
    bound = bind(photographs, group(photographs, []), kept, Ignored())
    assert len(bound.units) == 3
    assert bound.left_out == ()
