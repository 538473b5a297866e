"""A folder that somebody writes pictures into, as a live source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.capture.sources import watched_folder as watched
from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import make_opener
from edge.capture.sources.watched_folder import WatchedFolder
from edge.commands.check.checks import read_first_picture
from edge.errors import CameraUnavailableError, UsageError
from tests.support.agents.command_line import EdgeAgent
from tests.support.cameras.videos import BGR, write_picture
from tests.support.tools import wait_until

ENCODED = {".jpg", ".png", ".bmp", ".webp"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shots"
    made.mkdir()
    return made


def opened(folder: Path) -> WatchedFolder:
    made = WatchedFolder(parse_source(f"watch://{folder}"))
    made.open()
    return made


def seen(folder: WatchedFolder, looks: int = 3) -> list[str]:
    """The colours that so many looks find."""
    images = [image for _ in range(looks) if (image := folder.take_newest()) is not None]
    return [
        min(BGR, key=lambda label: np.abs(image.mean(axis=(0, 1)) - BGR[label]).sum()) for image in images
    ]


def test_what_was_there_before_is_no_news(folder: Path) -> None:
    write_picture(folder / "a.jpg", "red")
    assert seen(opened(folder)) == []


@pytest.mark.parametrize("suffix", sorted(ENCODED))
def test_each_new_picture_is_given_once(folder: Path, suffix: str) -> None:
    watching = opened(folder)
    for number, label in enumerate(("red", "green", "red")):
        write_picture(folder / f"{number}{suffix}", label)
        assert seen(watching) == [label]
    assert seen(watching) == []


def test_of_several_the_newest_wins_and_the_older_are_passed_over(folder: Path) -> None:
    watching = opened(folder)
    for age, label in enumerate(("blue", "red", "green")):
        path = write_picture(folder / f"{label}.png", label)
        os.utime(path, (1e9 - age, 1e9 - age))
    assert seen(watching, 5) == ["blue"]


@pytest.mark.parametrize("suffix", sorted(ENCODED))
def test_a_picture_that_is_being_written_is_given_once_it_is_whole(folder: Path, suffix: str) -> None:
    watching = opened(folder)
    whole = write_picture(folder.parent / f"whole{suffix}", "green").read_bytes()
    path = folder / f"a{suffix}"
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert seen(watching) == []
    path.write_bytes(whole)
    assert seen(watching, 5) == ["green"]


def test_a_newer_picture_that_is_not_whole_does_not_hide_an_older_one(folder: Path) -> None:
    watching = opened(folder)
    whole = write_picture(folder / "a.png", "red").read_bytes()
    os.utime(folder / "a.png", (1e9, 1e9))
    (folder / "b.png").write_bytes(whole[:50])
    assert seen(watching, 5) == ["red"]
    write_picture(folder / "b.png", "green")
    assert seen(watching, 5) == ["green"]


def test_a_file_that_is_written_over_is_new_again(folder: Path) -> None:
    watching = opened(folder)
    for number, label in enumerate(("red", "green", "green", "blue")):
        path = write_picture(folder / "latest.jpg", label)
        os.utime(path, (1e9 + 10 * number, 1e9 + 10 * number))
        assert seen(watching) == [label]


def test_renaming_a_picture_or_correcting_its_time_is_no_news(folder: Path) -> None:
    watching = opened(folder)
    path = write_picture(folder / "upload.tmp.jpg", "red")
    assert seen(watching) == ["red"]
    path = path.rename(folder / "final.jpg")
    assert seen(watching) == []
    written_s = path.stat().st_mtime
    for time_s in (1e9, written_s + 1):
        os.utime(path, (time_s, time_s))
        assert seen(watching) == []


def test_a_picture_that_is_moved_into_place_is_new_however_old_it_is(folder: Path) -> None:
    watching = opened(folder)
    path = write_picture(folder.parent / "x.jpg", "blue")
    os.utime(path, (1e9, 1e9))
    path.rename(folder / "x.jpg")
    assert seen(watching) == ["blue"]


def test_other_files_and_broken_pictures_are_passed_over(folder: Path) -> None:
    watching = opened(folder)
    (folder / "notes.txt").write_text("not for us")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xda\x00\x02" + bytes(50) + b"\xff\xd9")
    write_picture(folder / ".hidden.jpg", "red")
    (folder / "folder.jpg").mkdir()
    assert seen(watching, 4) == []


def test_a_picture_is_not_given_again_after_the_folder_was_away(folder: Path) -> None:
    watching = opened(folder)
    write_picture(folder / "a.png", "red")
    assert seen(watching) == ["red"]
    away = folder.rename(folder.parent / "away")
    with pytest.raises(CameraUnavailableError, match=r"can't watch the folder .*: No such file"):
        watching.open()
    away.rename(folder)
    watching.open()
    assert seen(watching) == []


def test_a_folder_may_not_hold_more_than_can_be_looked_through(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "MAX_FILES", 3)
    for number in range(4):
        (folder / f"{number}.jpg").touch()
    with pytest.raises(CameraUnavailableError, match="more than 3 pictures; move old ones away"):
        opened(folder)


def test_the_memory_of_what_was_given_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "KEPT_DELIVERIES", 2)
    watching = opened(folder)
    for number in range(5):
        write_picture(folder / f"{number}.png", "red")
        assert seen(watching) == ["red"]
    assert len(watching._delivered) == 2


def test_a_check_of_a_quiet_folder_is_content(folder: Path) -> None:
    assert "is there" in read_first_picture(parse_source(f"watch://{folder}"))
    with pytest.raises(CameraUnavailableError):
        make_opener(parse_source(f"watch://{folder}/none"))()


def deliver(agent: EdgeAgent, folder: Path, label: str) -> None:
    """Write one picture after the other until the agent says what they show."""
    for number in range(8):
        before = len(agent.records)
        write_picture(folder / f"{number}.jpg", label)
        wait_until(lambda: len(agent.records) > before, "a decision")  # noqa: B023
    assert agent.records[-1]["label"] == label


def test_an_address_without_a_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="it names no folder"):
        make_opener(parse_source("watch://"))


def test_the_agent_labels_pictures_as_they_come_and_outlives_the_folder(
    tmp_path: Path, folder: Path, golden: Path
) -> None:
    command = ("--camera", f"watch://{folder}", "--model", golden, "--stdout", "--max-frame-age", 60)
    with EdgeAgent(tmp_path, *command) as agent:
        agent.wait_for_log("delivering")
        deliver(agent, folder, "red")
        shutil.rmtree(folder)
        agent.wait_for_log("can't watch the folder")
        folder.mkdir()
        wait_until(lambda: agent.stderr.count("delivering") == 2, "the folder's return")
        deliver(agent, folder, "green")
        assert agent.stop() == 0
    frames = [record["frame"] for record in agent.records if record["frame"] is not None]
    assert frames == sorted(set(frames))
    assert agent.records[-2]["label"] == "green"
    assert agent.records[-2]["camera"] == "shots"
