"""`edge-agent collect` as a user types it: cameras, videos and folders become class folders."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge.preprocess import read_image
from tests.support.agents.command_line import EdgeAgent, edge_agent
from tests.support.cameras.videos import BGR, write_picture, write_video
from tests.support.tools import wait_until

SMALL = "test://?size=64x48"


def photographs(folder: Path) -> list[str]:
    """Label/colour of each photograph, in order; `?` for one that is none of the three."""
    found = []
    for path in sorted(folder.rglob("*.[jp][pn]g")):
        mean = read_image(path).mean(axis=(0, 1))
        name = min(BGR, key=lambda colour: float(np.abs(mean - BGR[colour]).max()))
        close = np.abs(mean - BGR[name]).max() < 20
        found.append(f"{path.parent.name}/{name if close else '?'}")
    return found


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "belt.mp4", [("red", 20), ("green", 20), ("blue", 20)])


def test_a_video_becomes_its_different_pictures(tmp_path: Path, video: Path) -> None:
    agent = edge_agent(tmp_path, "collect", "--camera", video, "--label", "mug", "--into", "photos")
    assert (agent.process.returncode, agent.stderr) == (0, "")
    assert agent.stdout == "stored 3, skipped 57 near duplicates\n"
    assert photographs(tmp_path / "photos") == ["mug/red", "mug/green", "mug/blue"]


def test_a_second_run_stores_nothing_twice(tmp_path: Path, video: Path) -> None:
    for expected in ("stored 3, skipped 57", "stored 0, skipped 60"):
        agent = edge_agent(tmp_path, "collect", "--camera", video, "--label", "mug")
        assert agent.stdout.startswith(expected)
    assert len(photographs(tmp_path / "photos")) == 3


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        (["--keep-duplicates"], 60),
        (["--keep-duplicates", "--every", "0.5"], 6),
        (["--keep-duplicates", "--every", "0.5", "--duration", "1"], 2),
        (["--keep-duplicates", "--duration", "1"], 20),
        (["--keep-duplicates", "--count", "4", "--format", "png"], 4),
        (["--count", "2"], 2),
        (["--motion"], 2),
        (["--motion-threshold", "0.1"], 2),
    ],
)
def test_how_many_are_taken_of_a_recording(
    tmp_path: Path, video: Path, options: list[str], stored: int
) -> None:
    agent = edge_agent(tmp_path, "collect", "--camera", video, "--label", "mug", *options)
    assert agent.process.returncode == 0, agent.stderr
    assert agent.stdout.startswith(f"stored {stored},")
    suffix = "png" if "png" in options else "jpg"
    assert len(list((tmp_path / "photos" / "mug").glob(f"*.{suffix}"))) == stored


def test_a_folder_of_images_names_what_it_can_not_read(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    for number, label in enumerate(BGR):
        write_picture(tmp_path / "shots" / f"{number}.png", label)
    (tmp_path / "shots" / "1b.png").write_bytes(b"broken")
    agent = edge_agent(tmp_path, "collect", "--camera", "shots", "--label", "mug")
    assert agent.stdout == "stored 3, skipped 0 near duplicates\n"
    assert agent.stderr.startswith("can't decode shots/1b.png")


def test_a_camera_without_hands(tmp_path: Path) -> None:
    command = ("collect", "--camera", SMALL, "--label", "mug", "--every", "0.05", "--count", "5")
    agent = edge_agent(tmp_path, *command, "--keep-duplicates")
    assert (agent.process.returncode, agent.stderr) == (0, "")
    assert agent.stdout == "stored 5, skipped 0 near duplicates\n"


def test_the_configured_camera_is_used(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(f'[[camera]]\nsource = "{SMALL}"\n')
    agent = edge_agent(tmp_path, "collect", "--label", "mug", "--every", "0.05", "--count", "1")
    assert agent.stdout == "stored 1, skipped 0 near duplicates\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_summary(tmp_path: Path, number: signal.Signals) -> None:
    command = ("collect", "--camera", SMALL, "--label", "mug", "--every", "0.05", "--keep-duplicates")
    with EdgeAgent(tmp_path, *command) as agent:
        wait_until(lambda: len(list(tmp_path.rglob("*.jpg"))) > 1, "photographs")
        assert agent.stop(number) == 0
    stored = len(list(tmp_path.rglob("*.jpg")))
    assert (agent.stdout, agent.stderr) == (f"stored {stored}, skipped 0 near duplicates\n", "")


def test_a_camera_that_is_lost_is_waited_for(tmp_path: Path) -> None:
    camera = "test://?size=64x48&fps=100&frames=20&gone=0.1"
    command = ("collect", "--camera", camera, "--label", "mug", "--every", "0.01", "--count", "30")
    agent = edge_agent(tmp_path, *command, "--keep-duplicates")
    assert agent.stdout.startswith("stored 30,")
    assert agent.stderr.splitlines()[:2] == [
        "waiting for the camera: the test camera stopped delivering",
        "the camera is there",
    ]


def test_a_camera_that_is_absent_is_waited_for_until_the_end(tmp_path: Path) -> None:
    command = ("collect", "--camera", "/dev/video97", "--label", "mug", "--every", "1")
    agent = edge_agent(tmp_path, *command, "--duration", "0.5")
    assert agent.process.returncode == 0
    assert agent.stdout == "stored 0, skipped 0 near duplicates\n"
    assert "waiting for the camera: can't open the camera /dev/video97" in agent.stderr
    assert not (tmp_path / "photos").exists()


def test_a_picture_of_another_class_is_stored_with_a_warning(tmp_path: Path, video: Path) -> None:
    edge_agent(tmp_path, "collect", "--camera", video, "--label", "mug", "--count", "1")
    agent = edge_agent(tmp_path, "collect", "--camera", video, "--label", "plate")
    assert agent.stdout == "stored 3, skipped 57 near duplicates, 1 of the stored looks like another class\n"
    (line,) = agent.stderr.splitlines()
    assert line.startswith("plate/")
    assert "looks like mug/" in line


@pytest.mark.parametrize(
    ("arguments", "exit_code", "why"),
    [
        (["--camera", SMALL, "--label", "a/b", "--every", "1"], 2, "becomes a folder's name"),
        (["--camera", SMALL, "--label", " a", "--every", "1"], 2, "no outer spaces"),
        (
            ["--camera", SMALL, "--label", "a", "--label", "a", "--every", "1"],
            2,
            "run it once for each label",
        ),
        (["--camera", SMALL, "--label", "a"], 2, "give --every SECONDS or --motion"),
        (["--label", "a", "--every", "1"], 2, "no camera is named"),
        (["--camera", SMALL, "--camera", "0", "--label", "a"], 2, "more than one is named"),
        (["--camera", "none.mp4", "--label", "a"], 2, "can't use the camera 'none.mp4'"),
        (["--camera", "test://?colour=1", "--label", "a", "--motion"], 2, "unknown or impossible option"),
        (["--config", "camera.toml", "--label", "a"], 78, "camera.toml is invalid"),
        (["--camera", "notes.mp4", "--label", "a"], 1, "can't read the video notes.mp4"),
        (["--camera", SMALL, "--label", "a", "--motion", "--into", "notes.mp4"], 1, "is not a folder"),
        (["--camera", "/dev/video97", "--label", "a", "--motion", "--require-camera"], 69, "is required"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: list[str], exit_code: int, why: str) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    (tmp_path / "camera.toml").write_text('[[camera]]\nsource = "ftp://h/x"\n')
    agent = edge_agent(tmp_path, "collect", *arguments)
    assert agent.process.returncode == exit_code
    (line,) = agent.stderr.splitlines()
    assert line.startswith("error: ")
    assert why in line
    assert agent.stdout == ""
    assert not (tmp_path / "photos").exists()


def test_a_disk_that_fills_up_ends_it_with_what_was_stored(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        command = ("collect", "--camera", "test://", "--label", "mug", "--every", "0.05", "--into", disk)
        agent = edge_agent(tmp_path, *command, "--keep-duplicates")
        stored = list(disk.rglob("*.*"))
        assert agent.process.returncode == 1
        assert agent.stdout == f"stored {len(stored)}, skipped 0 near duplicates\n"
        assert agent.stderr.startswith(f"error: can't store photographs in {disk}/mug: No space left")
        assert len(agent.stderr.splitlines()) == 1
        assert {read_image(path).shape for path in stored} == {(480, 640, 3)}
    finally:
        subprocess.run(["umount", str(disk)], check=True)
