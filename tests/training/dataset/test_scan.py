"""What a folder of photographs may look like, and what is said where it can't be trained on."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.models.photographs import draw, write, write_photographs
from training.dataset.scan import Scan, scan, scan_other
from training.errors import DataError
from training.progress import Silent


def test_class_folders_become_sorted_labels(tmp_path: Path) -> None:
    found = scan(write_photographs(tmp_path, 2), Silent())
    assert found.labels == ("disc", "plain", "stripes")
    assert len(found.photographs) == 6
    assert found.findings == ()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".JPG"])
def test_usual_formats_are_read(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    for kind in ("disc", "plain"):
        written = write(tmp_path / kind / f"a{suffix.lower()}", draw(kind, rng))
        written.rename(written.with_suffix(suffix))
    assert len(scan(tmp_path, Silent()).photographs) == 2


def test_grey_and_transparent_pictures_are_read(tmp_path: Path) -> None:
    write_photographs(tmp_path, 1)
    colour = draw("disc", np.random.default_rng(3))
    write(tmp_path / "disc" / "grey.png", np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8))
    write(tmp_path / "disc" / "alpha.png", np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2BGRA), np.uint8))
    found = scan(tmp_path, Silent())
    assert {p.path.name for p in found.photographs if p.label == "disc"} >= {"grey.png", "alpha.png"}


def test_bad_files_are_named_and_skipped(tmp_path: Path) -> None:
    write_photographs(tmp_path, 2)
    good = (tmp_path / "disc" / "000.png").read_bytes()
    (tmp_path / "disc" / "cut.png").write_bytes(good[:60])
    (tmp_path / "plain" / "empty.jpg").write_bytes(b"")
    (tmp_path / "plain" / "text.jpg").write_text("not a picture")
    found = scan(tmp_path, Silent())
    assert [finding.path.name for finding in found.findings] == ["cut.png", "empty.jpg", "text.jpg"]
    assert len(found.photographs) == 6


def test_hidden_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    write_photographs(tmp_path, 1)
    write(tmp_path / ".thumbs" / "a.png", draw("disc", np.random.default_rng(5)))
    write(tmp_path / "disc" / ".hidden.png", draw("disc", np.random.default_rng(6)))
    (tmp_path / "disc" / "notes.txt").write_text("notes")
    found = scan(tmp_path, Silent())
    assert (len(found.labels), len(found.photographs), found.findings) == (3, 3, ())


def test_a_split_made_by_the_user_is_kept_and_other_folders_are_noticed(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "validation", "test", "spare")):
        write_photographs(tmp_path / part, 1, seed=seed)
    found = scan(tmp_path, Silent())
    assert sorted(str(p.part) for p in found.photographs) == ["test"] * 3 + ["train"] * 3 + ["val"] * 3
    assert found.notices == ("ignored beside train/: spare",)


def test_a_copy_is_kept_once_and_in_the_held_out_part(tmp_path: Path) -> None:
    write_photographs(tmp_path / "train", 2, seed=1)
    write_photographs(tmp_path / "test", 1, seed=2)
    copied = (tmp_path / "test" / "disc" / "000.png").read_bytes()
    (tmp_path / "train" / "disc" / "copy.png").write_bytes(copied)
    found = scan(tmp_path, Silent())
    assert [(f.path.name, f.why) for f in found.findings] == [("copy.png", "a copy of 000.png")]


def test_one_picture_in_two_classes_counts_for_neither(tmp_path: Path) -> None:
    write_photographs(tmp_path, 2)
    (tmp_path / "plain" / "x.png").write_bytes((tmp_path / "disc" / "000.png").read_bytes())
    found = scan(tmp_path, Silent())
    assert {finding.path.name for finding in found.findings} == {"000.png", "x.png"}


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        scan(tmp_path / "nowhere", Silent())
    write_photographs(tmp_path / "one", 2, classes=("disc",))
    with pytest.raises(DataError, match="telling things apart takes two"):
        scan(tmp_path / "one", Silent())
    write_photographs(tmp_path / "empty", 1)
    (tmp_path / "empty" / "void").mkdir()
    with pytest.raises(DataError, match="class 'void' has no readable photograph"):
        scan(tmp_path / "empty", Silent())
    write_photographs(tmp_path / "odd", 1, classes=("disc", "tab\there"))
    with pytest.raises(DataError, match="rename the folder"):
        scan(tmp_path / "odd", Silent())
    write_photographs(tmp_path / "strange" / "train", 1)
    write_photographs(tmp_path / "strange" / "test", 1, classes=("disc", "cat"))
    with pytest.raises(DataError, match="'cat' is not in train/"):
        scan(tmp_path / "strange", Silent())


def _named(root: Path, name: str) -> Scan:
    write_photographs(root, 3, classes=("disc", name))
    return scan(root, Silent())


@pytest.mark.parametrize("name", ["red mug", "Tasse à café", "茶碗", "<b>&amp;'\"", "#1, 50% off; a\\b"])
def test_spaces_unicode_and_signs_are_fine_in_a_class(tmp_path: Path, name: str) -> None:
    assert set(_named(tmp_path, name).labels) == {"disc", name}


def test_one_name_spelt_with_other_code_points_is_one_class(tmp_path: Path) -> None:
    write_photographs(tmp_path / "train", 3, classes=("disc", "cafe\u0301"))
    write_photographs(tmp_path / "test", 3, classes=("disc", "caf\u00e9"), seed=8)
    assert scan(tmp_path, Silent()).labels == ("caf\u00e9", "disc")


@pytest.mark.parametrize("name", [" disc", "a\u200bb", "a\nb", "x" * 201])
def test_a_name_that_can_be_no_label_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"can't use the class .*; rename the folder"):
        _named(tmp_path, name)


def test_a_file_whose_name_is_no_text_is_named_and_skipped(tmp_path: Path) -> None:
    write_photographs(tmp_path, 2)
    (tmp_path / "disc" / "000.png").rename(tmp_path / "disc" / os.fsdecode(b"\xff.png"))
    found = scan(tmp_path, Silent())
    assert [(finding.name, finding.kind) for finding in found.findings] == [("disc/?.png", "unreadable")]
    assert "rename it" in found.findings[0].why


def test_findings_say_of_what_kind_they_are(tmp_path: Path) -> None:
    write_photographs(tmp_path / "train", 3, seed=1)
    write_photographs(tmp_path / "test", 2, seed=2)
    train, test = tmp_path / "train", tmp_path / "test"
    (train / "disc" / "empty.png").write_bytes(b"")
    (train / "disc" / "text.png").write_text("text")
    (train / "disc" / "again.png").write_bytes((train / "disc" / "000.png").read_bytes())
    (train / "disc" / "tested.png").write_bytes((test / "disc" / "000.png").read_bytes())
    (train / "disc" / "plain.png").write_bytes((train / "plain" / "001.png").read_bytes())
    kinds = {Path(finding.name).name: finding.kind for finding in scan(tmp_path, Silent()).findings}
    assert kinds == {
        "empty.png": "empty_file",
        "text.png": "unreadable",
        "again.png": "exact_duplicate",
        "tested.png": "across_parts",
        "plain.png": "across_classes",
        "001.png": "across_classes",
    }


def test_other_things_beside_train_are_no_class(tmp_path: Path) -> None:
    write_photographs(tmp_path / "train", 2, seed=1)
    write_photographs(tmp_path, 3, classes=("other",), seed=4)
    write(tmp_path / "other" / "deep" / "a.png", draw("disc", np.random.default_rng(9)))
    known = (tmp_path / "train" / "disc" / "000.png").read_bytes()
    (tmp_path / "other" / "known.png").write_bytes(known)
    found = scan(tmp_path, Silent())
    assert found.labels == ("disc", "plain", "stripes")
    assert {photograph.label for photograph in found.other} == {""}
    assert sorted(p.name for p in found.other)[-1] == "other/deep/a.png"
    assert (len(found.other), len(found.photographs), found.notices) == (4, 6, ())
    assert [finding.name for finding in found.findings] == ["other/known.png"]


def test_without_parts_other_is_a_class_and_may_be_given_apart(tmp_path: Path) -> None:
    write_photographs(tmp_path / "photos", 2, classes=("disc", "other"))
    assert scan(tmp_path / "photos", Silent()).labels == ("disc", "other")
    write_photographs(tmp_path / "strange", 2)
    (tmp_path / "strange" / "broken.png").write_bytes(b"x")
    photographs, findings = scan_other(tmp_path / "strange", Silent())
    assert (len(photographs), [finding.name for finding in findings]) == (6, ["broken.png"])
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no readable photograph"):
        scan_other(tmp_path / "none", Silent())


def test_where_a_file_lies_below_its_class_is_known(tmp_path: Path) -> None:
    write_photographs(tmp_path / "train", 2)
    write(tmp_path / "train" / "disc" / "day1" / "cam2" / "x.png", draw("disc", np.random.default_rng(9)))
    found = {photograph.name: photograph.folder for photograph in scan(tmp_path, Silent()).photographs}
    assert found["train/disc/day1/cam2/x.png"] == "day1/cam2"
    assert found["train/disc/000.png"] == ""


def test_classes_of_the_same_pictures_are_one_sentence(tmp_path: Path) -> None:
    image = draw("disc", np.random.default_rng(1))
    for name in ("a", "b"):
        for number in range(3):
            write(tmp_path / name / f"{number}.png", image)
    with pytest.raises(DataError, match="all photographs of the class 'a' are in another class as well"):
        scan(tmp_path, Silent())
