"""`edge-agent bench` as a user types it."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edge.commands.bench.reference import read_reference
from tests.support.agents.command_line import RUNTIME, EdgeAgent, edge_agent
from tests.support.agents.terminal import TerminalAgent
from tests.support.cameras.videos import write_video

STAGES = ["capture", "sight", "preprocess", "inference", "publish"]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "belt.mp4", [("red", 20), ("green", 20), ("blue", 20)])


def one_error_line(agent: EdgeAgent, code: int) -> str:
    assert agent.process.returncode == code, agent.stderr
    assert len(agent.stderr.splitlines()) == 1, agent.stderr
    assert agent.stderr.startswith("error: ")
    return agent.stderr


def test_without_a_camera_a_made_up_video_is_measured(tmp_path: Path, golden: Path) -> None:
    agent = edge_agent(tmp_path, "bench", "--model", golden, "--frames", 20)
    assert agent.process.returncode == 0, agent.stderr
    lines = agent.stdout.splitlines()
    assert [line.split()[0] for line in lines[5:10]] == STAGES
    assert "synthetic 640×480 MJPEG video, 20 pictures" in agent.stdout
    assert sum(line.startswith(("limited by ", "compared ", "memory ", "throughput ")) for line in lines) == 4
    assert "\x1b" not in agent.stdout


def test_a_recording_as_json_is_a_record_that_can_be_kept(tmp_path: Path, golden: Path, video: Path) -> None:
    command = ("bench", "--camera", video, "--model", golden, "--frames", 30, "--json")
    agent = edge_agent(tmp_path, *command)
    (record,) = agent.records
    turn, run = record["stage_timing"], record["agent"]
    assert [stage["stage"] for stage in turn["stages"]] == STAGES
    assert all(0 < stage["p50_ms"] <= stage["p95_ms"] <= stage["p99_ms"] for stage in turn["stages"])
    assert (turn["frames"], turn["width"], turn["height"]) == (30, 64, 48)
    assert run["camera_fps"] is None
    assert min(turn["fps"], run["fps"], run["cpu_ms"], run["first_answer_s"]) > 0
    assert 0 < run["memory_mb"] <= run["memory_peak_mb"]
    assert record["limited_by"]["stage"] in STAGES
    assert read_reference(agent.stdout.encode()).inference_ms > 0


def test_a_slow_camera_is_the_limit(tmp_path: Path, golden: Path) -> None:
    command = ("bench", "--camera", "test://?fps=4&size=64x48", "--model", golden, "--frames", 6, "--json")
    (record,) = edge_agent(tmp_path, *command).records
    assert record["limited_by"]["stage"] in ("camera", "machine")  # on a busy machine it may miss a frame
    assert f"{record['agent']['camera_fps']:.1f} f" in record["limited_by"]["text"]


def test_one_of_the_configurations_cameras_is_measured_by_its_name(
    tmp_path: Path, golden: Path, video: Path
) -> None:
    cameras = f'[[camera]]\nname = "belt"\nsource = "{video}"\ncrop = [0, 0, 32, 48]\n'
    cameras += '[[camera]]\nname = "door"\nsource = "test://"\n'
    (tmp_path / "agent.toml").write_text(cameras)
    command = ("bench", "--model", golden, "--frames", 10)
    (record,) = edge_agent(tmp_path, *command, "--camera", "belt", "--json").records
    assert record["source"] == str(video)
    refused = one_error_line(edge_agent(tmp_path, *command), 2)
    assert "belt, door" in refused
    assert "--camera" in refused


def test_several_cameras_are_refused(tmp_path: Path, golden: Path, video: Path) -> None:
    command = ("bench", "--camera", video, "--camera", "test://", "--model", golden)
    assert "one camera" in one_error_line(edge_agent(tmp_path, *command), 2)


def test_a_recording_that_is_too_short_is_refused(tmp_path: Path, golden: Path) -> None:
    short = write_video(tmp_path / "short.mp4", [("red", 4)])
    agent = edge_agent(tmp_path, "bench", "--camera", short, "--model", golden)
    assert "longer" in one_error_line(agent, 2)


def test_a_plot_is_a_picture_with_a_row_a_stage(tmp_path: Path, golden: Path, video: Path) -> None:
    command = ("bench", "--camera", video, "--model", golden, "--frames", 10, "--plot")
    assert edge_agent(tmp_path, *command, "stages.png").process.returncode == 0
    picture = cv2.imread(str(tmp_path / "stages.png"))
    assert picture is not None
    assert picture.shape == (150 + 62 * len(STAGES) + 150, 1200, 3)
    colours = {tuple(pixel) for pixel in picture[::4, ::4].reshape(-1, 3).tolist()}
    assert {(255, 255, 255), (40, 120, 226)} <= colours  # paper, and the bar of what limits the rate
    assert "nowhere" in one_error_line(edge_agent(tmp_path, *command, "nowhere/stages.png"), 1)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_shows_the_limit_in_colour_unless_that_is_not_wanted(
    tmp_path: Path, golden: Path, video: Path, monkeypatch: pytest.MonkeyPatch, no_color: str
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    command = ("bench", "--camera", video, "--model", golden, "--frames", 10, "--runtime", RUNTIME)
    with TerminalAgent(tmp_path, *command) as agent:
        agent.wait_for("compared")
        assert ("\x1b[33m" in agent.screen) is not bool(no_color)


def test_tuning_prints_the_lines_to_paste_and_leaves_the_file_alone(tmp_path: Path, golden: Path) -> None:
    before = "threads = 64   # too many\n\n[broker]\nurl = 'mqtt://localhost'\n"
    file = tmp_path / "agent.toml"
    file.write_text(before)
    command = ("bench", "--tune", "--model", golden, "--config", file)
    agent = edge_agent(tmp_path, *command, "--frames", 35)
    assert agent.process.returncode == 0, agent.stderr
    (best,) = [line for line in agent.stdout.splitlines() if line.endswith("   best")]
    count = best.partition(", ")[2].split()[0]
    assert f"\nthreads = {count}\n" in agent.stdout
    assert str(file) in agent.stdout
    assert file.read_text() == before
    (record,) = edge_agent(tmp_path, *command, "--json").records
    assert record["tried"][0]["setting"]["threads"] == 1
    assert record["best"] in record["tried"]
    assert "threads" in record["changes"]


def test_tuning_refuses_what_it_does_not_use(tmp_path: Path, golden: Path) -> None:
    command = ("bench", "--tune", "--model", golden)
    for extra in (("--camera", "test://"), ("--threads", 2), ("--plot", "p.png")):
        assert extra[0] in one_error_line(edge_agent(tmp_path, *command, *extra), 2)
