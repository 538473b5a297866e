"""Regions: what of a picture they are, and that a camera with regions is several cameras."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.capture.capture import CaptureOptions
from edge.capture.inbox import Inbox
from edge.capture.live_capture import LiveCapture
from edge.capture.shared_capture import share_capture
from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import make_opener
from edge.capture.views import View
from edge.preprocess import Image, cut
from edge.region import Crop, Flip, PixelRegion, Region, Rotate, parse_crop
from tests.support.agents.command_line import EdgeAgent, edge_agent
from tests.support.cameras.videos import BGR
from tests.support.tools import wait_until

PATCHES = {
    "blue": (0, 0),
    "green": (0, 1),
    "red": (1, 0),
}  # row and column of each quarter; the fourth is grey


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10,20,30,40", Crop(10, 20, 30, 40, fractions=False)),
        ([10, 20, 30, 40], Crop(10, 20, 30, 40, fractions=False)),
        ("10.0,20,30,40", Crop(10, 20, 30, 40, fractions=False)),
        ("0,0,1,1", Crop(0, 0, 1, 1, fractions=False)),
        ("0.0,0.0,1.0,1.0", Crop(0, 0, 1, 1, fractions=True)),
        ("0,0,0.5,1", Crop(0, 0, 0.5, 1, fractions=True)),
        ([0.25, 0.5, 0.75, 0.5], Crop(0.25, 0.5, 0.75, 0.5, fractions=True)),
        (" 1, 2, 3, 4", Crop(1, 2, 3, 4, fractions=False)),
    ],
)
def test_what_a_crop_means(text: Any, expected: Crop) -> None:
    assert parse_crop(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,5,5", "0,0,0,5", "0,0,5,-5", "0.5,0.5,0.6,0.5",
        "0.5,2,3,4", "nan,0,5,5", "0,0,inf,5", 5, None, [True, 0, 5, 5], [None, 0, 5, 5],
    ],
)  # fmt: skip
def test_what_is_no_crop_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"write|must|pixels|outside"):
        parse_crop(text)


@pytest.mark.parametrize(
    ("crop", "size", "expected"),
    [
        ("10,20,30,40", (64, 60), (10, 20, 30, 40)),
        ("0.25,0.5,0.75,0.5", (64, 48), (16, 24, 48, 24)),
        ("0.0,0.0,1.0,1.0", (63, 47), (0, 0, 63, 47)),
        ("0.999,0.999,0.001,0.001", (10, 10), (9, 9, 1, 1)),
        ("0.1,0.1,0.9,0.9", (33, 35), (3, 4, 30, 31)),
    ],
)
def test_a_crop_in_pixels_of_the_picture(crop: str, size: tuple[int, int], expected: tuple[int, ...]) -> None:
    assert Region(parse_crop(crop)).on(*size) == PixelRegion(*expected)


def test_neighbouring_fractions_meet() -> None:
    for width in range(8, 200):
        left, right = (Region(parse_crop(text)).on(width, 9) for text in ("0.0,0,0.3,1", "0.3,0,0.7,1"))
        assert (left.x + left.width, right.x + right.width) == (right.x, width)


def test_a_crop_outside_the_picture_says_both_sizes() -> None:
    with pytest.raises(ValueError, match="it ends at 40×60, and the picture is 64×48"):
        Region(parse_crop("10,20,30,40")).on(64, 48)


@pytest.mark.parametrize(
    ("rotate", "flip", "expected"),
    [
        (0, None, [[1, 2, 3], [4, 5, 6]]),
        (90, None, [[4, 1], [5, 2], [6, 3]]),
        (180, None, [[6, 5, 4], [3, 2, 1]]),
        (270, None, [[3, 6], [2, 5], [1, 4]]),
        (0, "horizontal", [[3, 2, 1], [6, 5, 4]]),
        (0, "vertical", [[4, 5, 6], [1, 2, 3]]),
        (90, "horizontal", [[1, 4], [2, 5], [3, 6]]),
        (90, "vertical", [[6, 3], [5, 2], [4, 1]]),
    ],
)
def test_cut_then_turned_clockwise_then_mirrored(
    rotate: Rotate, flip: Flip | None, expected: list[list[int]]
) -> None:
    picture = np.zeros((5, 7, 3), np.uint8)
    picture[2:4, 3:6] = np.arange(1, 7, dtype=np.uint8).reshape(2, 3, 1)
    part = cut(picture, Region(parse_crop("3,2,3,2"), rotate, flip).on(7, 5))
    assert part[:, :, 0].tolist() == expected
    assert (part == part[:, :, :1]).all()


def test_a_crop_alone_copies_nothing() -> None:
    picture = np.zeros((50, 70, 3), np.uint8)
    assert np.shares_memory(cut(picture, PixelRegion(3, 2, 30, 20)), picture)


def patches() -> Image:
    """A grey picture of 64×48 whose first three quarters are blue, green and red."""
    picture = np.full((48, 64, 3), 128, np.uint8)
    for label, (row, column) in PATCHES.items():
        picture[24 * row : 24 * row + 24, 32 * column : 32 * column + 32] = BGR[label]
    return picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "belt").mkdir()
    for number in range(8):
        cv2.imwrite(str(tmp_path / "belt" / f"{number}.png"), patches())
    return tmp_path / "belt"


@pytest.mark.parametrize(
    ("options", "label", "region"),
    [
        ([], None, None),
        (["--crop", "0,0,32,24"], "blue", {"x": 0, "y": 0, "width": 32, "height": 24}),
        (["--crop", "0.5,0,0.5,0.5"], "green", {"x": 32, "y": 0, "width": 32, "height": 24}),
        (
            ["--crop", "0,24,32,24", "--rotate", 90, "--flip", "horizontal"],
            "red",
            {"x": 0, "y": 24, "width": 32, "height": 24, "rotate": 90, "flip": "horizontal"},
        ),
        (["--rotate", 180], None, {"x": 0, "y": 0, "width": 64, "height": 48, "rotate": 180}),
    ],
)
def test_one_region_on_the_command_line(
    tmp_path: Path, golden: Path, folder: Path, options: list[str], label: str, region: dict[str, Any] | None
) -> None:
    command = ("--camera", folder, *options, "--model", golden, "--stdout")
    agent = edge_agent(tmp_path, *command)
    assert agent.process.returncode == 0, agent.stderr
    first, *records = agent.records
    assert first["region"] is None
    wanted = region and {"rotate": 0, "flip": None} | region
    assert all(record["region"] == wanted for record in records)
    assert label is None or records[-2]["label"] == label


def test_regions_of_the_file_are_cameras_of_their_own(tmp_path: Path, golden: Path, folder: Path) -> None:
    lines = [f'model = "{golden}"', "stdout = true", "mqtt = false", "[[camera]]", f'source = "{folder}"']
    for label, (row, column) in PATCHES.items():
        crop = json.dumps([column / 2, row / 2, 0.5, 0.5])
        lines += ["[[camera.region]]", f'name = "on-{label}"', f"crop = {crop}"]
    (tmp_path / "agent.toml").write_text("\n".join(lines))
    agent = edge_agent(tmp_path)
    assert agent.process.returncode == 0, agent.stderr
    assert {record["camera"] for record in agent.records} == {f"on-{label}" for label in PATCHES}
    for label in PATCHES:
        own = [record for record in agent.records if record["camera"] == f"on-{label}"]
        assert [record["frame"] for record in own] == [None, *range(8), None]
        assert [record["label"] for record in own if record["changed"]] == [None, label, None]
    assert agent.stderr.count("belt: delivering") == 1


def test_live_regions_come_from_one_thread_and_end_together(tmp_path: Path, golden: Path) -> None:
    lines = [f'model = "{golden}"', "stdout = true", "mqtt = false", "frames = 20", "[[camera]]"]
    lines += ['source = "test://?size=64x64&fps=50"']
    lines += ["[[camera.region]]", 'name = "a"', "crop = [0, 0, 32, 64]"]
    lines += ["[[camera.region]]", 'name = "b"', "crop = [32, 0, 32, 64]", "rotate = 90"]
    (tmp_path / "agent.toml").write_text("\n".join(lines))
    agent = edge_agent(tmp_path)
    assert agent.process.returncode == 0, agent.stderr
    for name in ("a", "b"):
        judged = [r for r in agent.records if r["camera"] == name and r["frame"] is not None]
        assert len(judged) == 20
    assert agent.stderr.count("test: delivering") == agent.stderr.count("test: ended") == 1


def test_a_region_outside_a_recordings_picture_fails(tmp_path: Path, golden: Path, folder: Path) -> None:
    agent = edge_agent(tmp_path, "--camera", folder, "--crop", "0,0,65,48", "--model", golden, "--stdout")
    assert agent.process.returncode == 1
    said = agent.stderr.splitlines()[-1]
    assert said.startswith(
        "error: can't cut out the region of camera belt: it ends at 65×48, and the picture"
    )


def test_a_region_outside_a_cameras_picture_is_its_problem(tmp_path: Path, golden: Path) -> None:
    command = ("--camera", "test://?size=64x48&fps=100", "--crop", "0,0,65,48", "--model", golden)
    with EdgeAgent(tmp_path, *command, "--stdout", "--max-frame-age", 0.3) as agent:
        agent.wait_for_log("ERROR camera test: can't cut out its region: it ends at 65×48")
        wait_until(lambda: len(agent.records) == 2, "no_frames")
        assert agent.stop() == 0
    assert agent.records[-1]["unknown_reason"] == "no_frames"
    assert agent.stderr.count("can't cut out") == 1
    assert edge_agent(tmp_path, *command, "--stdout", "--require-camera").process.returncode == 69


def test_a_region_outside_the_picture_is_unknown_alone_until_the_size_fits(
    tmp_path: Path, golden: Path
) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    lines = [f'model = "{golden}"', "stdout = true", "mqtt = false", "max_frame_age = 1.5"]
    lines += ["[frame_quality]", "enabled = false"]
    lines += ["[[camera]]", f'source = "watch://{folder}"', 'name = "belt"']
    lines += ["[[camera.region]]", 'name = "left"', "crop = [0, 0, 32, 24]"]
    lines += ["[[camera.region]]", 'name = "right"', "crop = [32, 0, 32, 24]"]
    (tmp_path / "agent.toml").write_text("\n".join(lines))

    def changes(agent: EdgeAgent, name: str) -> list[str]:
        own = [record for record in agent.records if record["camera"] == name and record["changed"]]
        return [record["label"] or record["unknown_reason"] for record in own]

    def shown(agent: EdgeAgent, width: int, right: list[str]) -> bool:
        """One more picture of this width; has the right half come to these answers?"""
        cv2.imwrite(str(folder / f"{time.monotonic_ns()}.png"), patches()[:, :width])
        return changes(agent, "right") == right and changes(agent, "left")[-1] == "blue"

    with EdgeAgent(tmp_path) as agent:
        agent.wait_for_log("self-test passed")
        answers = ["starting", "green"]
        wait_until(lambda: shown(agent, 64, answers), "both labels")
        answers.append("no_frames")
        wait_until(lambda: shown(agent, 48, answers), "the right half's end")
        seen = len(agent.records)
        wait_until(lambda: shown(agent, 48, answers) and len(agent.records) > seen + 5, "the left half")
        answers += ["starting", "green"]
        wait_until(lambda: shown(agent, 64, answers), "both again")
        assert changes(agent, "left") == ["starting", "blue"]
        assert agent.stop() == 0
    assert agent.stderr.count("right: can't cut out its region") == 1
    assert (
        "ERROR camera right: can't cut out its region: it ends at 64×24, and the picture is 48×48; "
        "give one inside the picture" in agent.stderr
    )
    assert "belt: lost" not in agent.stderr


def test_a_view_says_why_it_is_lost() -> None:
    views = tuple(View(f"w{width}", Region(parse_crop(f"0,0,{width},16"))) for width in (64, 65))
    source, inbox = make_opener(parse_source("test://?size=64x16&fps=100")), Inbox()
    inside, outside = share_capture(LiveCapture("cam", source, inbox, CaptureOptions(views=views)), views)
    inside.start()
    try:
        wait_until(lambda: inside.status.state == "delivering", "pictures")
        status = outside.status
        assert (status.state, status.received_s) == ("lost", None)
        assert status.detail.startswith("can't cut out its region: it ends at 65×16")
        assert inside.status.detail == ""
    finally:
        inside.ask_to_stop()
        inside.join()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--camera", "test://", "--crop", "1,2,3"], "crop: Value error, write x,y,width,height"),
        (["--camera", "test://", "--rotate", "45"], "camera.0.rotate: "),
        (["--camera", "a=test://", "--camera", "b=test://", "--flip", "vertical"], "can't use --flip here"),
        (["--crop", "0,0,5,5"], "can't use --crop here: it is for one camera"),
    ],
)
def test_a_mistake_is_a_usage_error(tmp_path: Path, golden: Path, options: list[str], said: str) -> None:
    agent = edge_agent(tmp_path, *options, "--model", golden, "--stdout")
    assert agent.process.returncode == 2
    assert said in agent.stderr


def test_check_knows_whether_a_region_fits(tmp_path: Path, golden: Path) -> None:
    (tmp_path / "agent.toml").write_text("mqtt = false\nstdout = true\n")
    for crop, code in (("0,0,64,48", 0), ("0,0,64,49", 69)):
        command = ("check", "--camera", "test://?size=64x48", "--crop", crop, "--model", golden)
        agent = edge_agent(tmp_path, *command)
        assert agent.process.returncode == code, agent.stdout
    assert "it ends at 64×49, and the picture is 64×48" in agent.stdout


def test_two_regions_of_one_name_are_refused(tmp_path: Path, golden: Path) -> None:
    lines = [f'model = "{golden}"', "[[camera]]", 'source = "test://"']
    (tmp_path / "agent.toml").write_text("\n".join(lines + ["[[camera.region]]", 'name = "a"'] * 2))
    agent = edge_agent(tmp_path)
    assert agent.process.returncode == 78
    assert "two are called a" in agent.stderr
