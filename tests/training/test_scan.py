"""What a folder of photographs may look like, and what is said where it can't be trained on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.photographs import draw, write, write_photographs
from training.errors import DataError
from training.progress import Silent
from training.scan import scan


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
