"""What limits the rate: the figures of a benchmark in, a sentence out."""

from __future__ import annotations

import pytest

from edge.commands.bench.bottleneck import find_limit, possible_fps
from edge.commands.bench.figures import STAGES, AgentRun, Stage, StageTime, StageTiming, stage_times

FAST: dict[Stage, float] = {"capture": 2, "sight": 1, "preprocess": 1, "inference": 12.5, "publish": 0.5}


def stage_timing(**medians: float) -> StageTiming:
    times = FAST | medians
    stages = tuple(StageTime(stage, times[stage], times[stage], times[stage]) for stage in STAGES)
    return StageTiming(stages, 50.0, 100, 640, 480)


def agent(fps: float, camera_fps: float | None = None) -> AgentRun:
    return AgentRun(fps, camera_fps, 15.0, 100.0, 120.0, 1.0)


@pytest.mark.parametrize(
    ("turn", "run", "text"),
    [
        (stage_timing(), agent(70), "inference (12.5 ms, 80 frames/s)"),
        (stage_timing(capture=40), agent(20), "decoding (40.0 ms, 25 frames/s)"),
        (stage_timing(preprocess=14), agent(50), "preparing the pictures (14.0 ms, 71 frames/s)"),
        (stage_timing(capture=5, sight=4, preprocess=4), agent(70), "decoding (5.0 ms, 200 frames/s)"),
        (stage_timing(inference=250), agent(4), "inference (250.0 ms, 4.0 frames/s)"),
        (stage_timing(), agent(29.9, 30.01), "camera 30 fps"),
        (stage_timing(), agent(0.5, 0.5), "camera 0.5 fps"),
        (stage_timing(inference=50), agent(19, 30), "inference (50.0 ms, 20 frames/s)"),
        (stage_timing(preprocess=30), agent(22, 30), "preparing the pictures (30.0 ms, 33 frames/s)"),
        (stage_timing(capture=60), agent(16, 16), "decoding (60.0 ms, 17 frames/s)"),
        (stage_timing(), agent(8, 10), "other work on this machine (8.0 of the camera's 10 frames/s)"),
    ],
)
def test_the_limit_is_named_with_its_figures(turn: StageTiming, run: AgentRun, text: str) -> None:
    assert find_limit(turn, run, cores=2).text == text


def test_a_live_camera_is_not_waited_for_by_the_reading_thread() -> None:
    """A recording is prepared where it is read, a live frame only when its turn has come."""
    turn = stage_timing(preprocess=11, inference=12.5)
    assert find_limit(turn, agent(70), cores=2).stage == "preprocess"
    assert find_limit(turn, agent(40, 60), cores=2).stage == "inference"


def test_on_one_core_the_largest_stage_counts() -> None:
    turn = stage_timing(capture=5, sight=4, preprocess=4)
    assert find_limit(turn, agent(40), cores=1).stage == "inference"


def test_a_rate_that_was_asked_for_is_the_limit() -> None:
    assert find_limit(stage_timing(), agent(4.95, 30), cores=2, wanted_fps=5).text == "the setting fps = 5"
    assert find_limit(stage_timing(inference=400), agent(2.5, 30), cores=2, wanted_fps=5).stage == "inference"
    assert (
        find_limit(stage_timing(), agent(70), cores=2, wanted_fps=5).stage == "inference"
    )  # a recording does not wait


def test_a_camera_as_the_limit_comes_with_what_the_machine_could_do() -> None:
    found = find_limit(stage_timing(), agent(30, 30), cores=2)
    assert found.stage == "camera"
    assert f"{possible_fps(stage_timing(), live=True, cores=2):.0f} frames/s" in found.advice
    assert "71 frames/s" in found.advice


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_has_an_advice(stage: Stage) -> None:
    assert find_limit(stage_timing(**{stage: 500.0}), agent(2), cores=2).advice.startswith("try ")


def test_percentiles_are_those_of_the_samples_and_empty_stages_are_left_out() -> None:
    (only,) = stage_times({"inference": [float(value) for value in range(1, 102)], "sight": []})
    assert (only.stage, only.p50_ms, only.p95_ms, only.p99_ms) == ("inference", 51, 96, 100)
