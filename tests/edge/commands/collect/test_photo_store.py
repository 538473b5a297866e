"""Photographs land in their class folder whole, once, and never over another."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.commands.collect.photo_store import MAX_READ, PhotoStore, check_label, write_new
from edge.errors import StorageError, UsageError
from edge.preprocess import Image, read_image
from tests.support.cameras.videos import picture
from tests.support.models.photographs import draw, write, write_photographs

NOON = 1_700_000_000.5


def drawn(kind: str = "stripes", seed: int = 1) -> Image:
    return draw(kind, np.random.default_rng(seed))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def read(photo_store: PhotoStore) -> list[str]:
    return list(photo_store.read(lambda _number, _of: None, lambda: False))


@pytest.mark.parametrize("label", ["mug", "Kaffee Becher", "чашка 2", "ok (1)", "a" * 200])
def test_a_label_that_training_takes_is_taken(label: str) -> None:
    assert check_label(label) == label


@pytest.mark.parametrize(
    "label", ["", " mug", "mug ", "a/b", "..", ".mug", "a\nb", "a\x1b[0m", "a" * 201, "碗" * 90]
)
def test_a_label_that_can_be_no_folder_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match="can't collect for the label"):
        check_label(label)


def test_photographs_of_one_second_are_numbered(tmp_path: Path) -> None:
    photo_store = PhotoStore(tmp_path / "photos", ["mug"], compare=False)
    paths = [photo_store.store("mug", drawn(), NOON + 0.1 * step).path for step in (0, 1, 9)]
    names = ["20231114-221320-01.jpg", "20231114-221320-02.jpg", "20231114-221321-01.jpg"]
    assert [path.name for path in paths if path] == names
    assert files(tmp_path / "photos") == [f"mug/{name}" for name in names]


def test_a_png_is_the_frame_bit_for_bit_and_a_jpeg_close_to_it(tmp_path: Path) -> None:
    for picture_format, largest in (("png", 0), ("jpg", 12)):
        path = PhotoStore(tmp_path, ["mug"], picture_format).store("mug", drawn("disc"), NOON).path  # type: ignore[arg-type]
        assert path is not None
        assert path.suffix == f".{picture_format}"
        stored = read_image(path)
        assert stored.shape == drawn("disc").shape
        assert np.abs(stored.astype(int) - drawn("disc")).mean() <= largest
        path.unlink()


def test_a_near_duplicate_is_not_stored_in_this_run_or_the_next(tmp_path: Path) -> None:
    photo_store = PhotoStore(tmp_path, ["mug"])
    first = photo_store.store("mug", drawn(), NOON).path
    brighter = cv2.convertScaleAbs(drawn(), alpha=1.0, beta=10)
    later = PhotoStore(tmp_path, ["mug"])
    assert read(later) == []
    for each in (photo_store, later):
        again = each.store("mug", brighter, NOON + 9)  # type: ignore[arg-type]
        assert first is not None
        assert (again.path, again.like) == (None, first.name)
    assert photo_store.store("mug", drawn(seed=5), NOON + 9).path is not None
    assert len(files(tmp_path)) == 2


def test_the_same_picture_in_another_class_is_stored_and_said(tmp_path: Path) -> None:
    write(tmp_path / "plate" / "old.png", drawn())
    photo_store = PhotoStore(tmp_path, ["mug", "cup"])
    read(photo_store)
    stored = photo_store.store("mug", drawn(), NOON)
    assert (stored.path is not None, stored.elsewhere) == (True, "plate/old.png")
    assert photo_store.store("cup", drawn(), NOON).elsewhere == "mug/20231114-221320-01.jpg"


def test_what_can_not_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "mug").mkdir()
    (tmp_path / "mug" / "broken.jpg").write_bytes(b"broken")
    (tmp_path / "mug" / "notes.txt").write_text("notes")
    write(tmp_path / "mug" / "a.png", drawn())
    photo_store = PhotoStore(tmp_path, ["mug"])
    assert read(photo_store) == []
    assert photo_store.store("mug", drawn(), NOON).like == "a.png"


def test_a_large_folder_is_read_in_part_and_that_is_said(tmp_path: Path) -> None:
    write_photographs(tmp_path, 1, ("disc",))
    data = (tmp_path / "disc" / "000.png").read_bytes()
    for number in range(MAX_READ + 5):
        (tmp_path / "disc" / f"a{number:05d}.png").write_bytes(data)
    steps: list[tuple[int, int]] = []
    notices = list(PhotoStore(tmp_path, ["disc"]).read(lambda *step: steps.append(step), lambda: False))
    assert notices == [f"disc has {MAX_READ + 6} photographs: new ones are compared with the last {MAX_READ}"]
    assert steps == [(number, MAX_READ) for number in range(MAX_READ)]
    notices = read(PhotoStore(tmp_path, ["mug"]))
    assert notices == [
        f"the other classes have {MAX_READ + 6} photographs: {MAX_READ} of them are compared with"
    ]


def test_two_that_choose_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    albums = [PhotoStore(tmp_path, ["mug"], "png", compare=False) for _ in range(4)]
    start = threading.Barrier(len(albums))

    def work(photo_store: PhotoStore, label: str) -> None:
        start.wait()
        for _ in range(10):
            photo_store.store("mug", picture(label), NOON)

    threads = [
        threading.Thread(target=work, args=pair)
        for pair in zip(albums, ("red", "red", "green", "blue"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = [path.read_bytes() for path in tmp_path.rglob("*.png")]
    assert len(contents) == 40
    assert sorted(contents.count(content) for content in set(contents)) == [10, 10, 20]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    assert not write_new(tmp_path / "a", b"new")
    (tmp_path / ".b.tmp").write_bytes(b"somebody is writing")
    assert not write_new(tmp_path / "b", b"new")
    assert write_new(tmp_path / "c", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"old",
        ".b.tmp": b"somebody is writing",
        "c": b"new",
    }


def test_a_place_that_is_no_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "photos").write_text("a file")
    with pytest.raises(StorageError, match="is not a folder"):
        PhotoStore(tmp_path / "photos", ["mug"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="does not let us write"):
        PhotoStore(tmp_path / "photos", ["mug"])


def test_a_full_disk_is_said_and_nothing_is_left_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        large = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
        with pytest.raises(StorageError, match="No space left on device; make room"):
            PhotoStore(disk, ["mug"], "png").store("mug", large, NOON)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
