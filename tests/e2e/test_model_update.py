"""Another model for a running agent, under a real systemd: it stays if it does well, or is taken back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.agents.command_line import ROOT
from tests.support.tools import need_program

NSPAWN = ROOT.parent / "shared" / "pi" / "nspawn.sh"
PUSH = ROOT / "deploy" / "push-model.sh"
Scenes = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """What came of each scene; all are played once, in a copy of this machine that is thrown away."""
    if os.geteuid() != 0 or not NSPAWN.is_file() or shutil.which("systemd-nspawn") is None:
        pytest.skip("it takes ../shared/pi, root, and systemd-nspawn")
    need_program("sshd")
    script = tmp_path_factory.mktemp("inside") / "inside.sh"
    script.write_text('exec "$@"\n')
    command = [str(NSPAWN), str(script), sys.executable, "-m", "tests.e2e.device_scenes"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {each.pop("scene"): each for each in told}


@pytest.mark.proof
@pytest.mark.parametrize("name", ["better", "pushed"])
def test_a_good_model_stays(scenes: Scenes, name: str) -> None:
    scene = scenes[name]
    assert (scene["status"], scene["active"], scene["restarted"]) == (0, "active", True)
    assert scene["current"] == {"better": "familiar", "pushed": "colours"}[name]
    assert "without trouble; inference " in scene["stdout"]


@pytest.mark.proof
@pytest.mark.parametrize("name", ["damaged", "pushed damaged"])
def test_a_damaged_one_does_not_even_cost_a_restart(scenes: Scenes, name: str) -> None:
    scene = scenes[name]
    assert scene["status"] == {"damaged": 78, "pushed damaged": 2}[name]  # make has a status of its own
    assert "is damaged: its packed files are cut off" in scene["stderr"]
    assert (scene["current"], scene["restarted"]) == ("colours", False)


@pytest.mark.proof
def test_one_that_is_far_slower_is_taken_back(scenes: Scenes) -> None:
    scene = scenes["slow"]
    assert (scene["status"], scene["active"], scene["current"]) == (1, "active", "colours")
    assert "was taken back: inference takes " in scene["stderr"]
    assert scene["stored"] == ["colours", "familiar"]


@pytest.mark.proof
def test_one_with_which_the_agent_does_not_start_is_taken_back(scenes: Scenes) -> None:
    scene = scenes["spoilt"]
    assert (scene["status"], scene["active"], scene["current"]) == (1, "active", "familiar")
    # systemd may call it ready before it sees the end
    ended = r"was taken back: edge-agent did not (start|keep running) \("
    assert re.search(ended, scene["stderr"]), scene["stderr"]


@pytest.mark.proof
def test_a_trial_that_is_broken_off_changes_nothing(scenes: Scenes) -> None:
    scene = scenes["broken off"]
    assert (scene["status"], scene["active"], scene["current"]) == (1, "active", "colours")
    assert "watching the agent was interrupted; colours-1-86b09dac is current again" in scene["stderr"]


@pytest.mark.proof
def test_going_back_is_watched_as_well(scenes: Scenes) -> None:
    scene = scenes["back"]
    assert (scene["status"], scene["current"], scene["stored"]) == (0, "colours", ["colours", "familiar"])


@pytest.mark.proof
def test_a_camera_that_is_away_is_not_the_models_fault(scenes: Scenes) -> None:
    scene = scenes["no camera"]
    assert (scene["status"], scene["current"]) == (0, "familiar")
    assert "no camera gave a picture" in scene["stdout"]


@pytest.mark.proof
def test_a_push_leaves_no_copy_behind(scenes: Scenes) -> None:
    assert scenes["left behind"]["files"] == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "error: no device is named; "),
        (["", "model.tflite"], 2, "error: no device is named; "),
        (["pi@nowhere", "missing.tflite"], 78, "error: can't push missing.tflite to pi@nowhere: there is no"),
    ],
)
def test_a_push_says_what_is_missing(tmp_path: Path, arguments: list[str], status: int, said: str) -> None:
    done = subprocess.run([PUSH, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
