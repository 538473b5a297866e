"""Resident memory of the agent while it works, against a bare process with the same libraries and network.

One camera and four, each the same clip, with a real broker. The figure is the highest that the system
noted of each process, which is looked at 20 times a second until it ends.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bare.bytecode import compiled
from benchmarks.comparison import Comparison, Effort, Findings, Part
from benchmarks.programs.agent_run import agent_command
from benchmarks.subjects import clips
from benchmarks.subjects.models import model_file
from benchmarks.subjects.packed import packed
from tests.support.brokers.mosquitto import Mosquitto

GOALS = {1: 1.10, 4: 1.60}
FRAMES_A_SECOND = 40  # of effort: enough on a small computer
LOOK_S = 0.05


def run(work: Path, effort: Effort) -> Findings:
    """The bare process and the agent with each number of cameras, in turn."""
    if not clips.is_there():
        return Findings(skipped=clips.MISSING)
    model, environment = packed(model_file("mobilenet_v2_224", work)), os.environ | compiled(work)
    frames = min(clips.frame_count(clips.RECORDING), round(FRAMES_A_SECOND * effort.seconds))
    bare = [sys.executable, "-m", "benchmarks.bare.process", str(model), str(clips.RECORDING), str(frames)]
    rounds = []
    with Mosquitto(work / "broker") as broker, tempfile.TemporaryDirectory() as state:
        environment["STATE_DIRECTORY"] = state
        for _ in range(effort.rounds):
            agents = [
                _resident_mb(_agent(model, cameras, frames // cameras, broker.url), environment)
                for cameras in GOALS
            ]
            rounds.append((_resident_mb(bare, environment), *agents))
    floor, *ours = zip(*rounds, strict=True)
    comparisons = tuple(
        Comparison(
            f"MobileNetV2 224, {cameras} camera{'s' if cameras > 1 else ''}",
            measured,
            "bare process",
            floor,
            "MB",
            better="low",
            goal=goal,
        )
        for (cameras, goal), measured in zip(GOALS.items(), ours, strict=True)
    )
    return Findings(comparisons)


def _agent(model: Path, cameras: int, frames: int, broker: str) -> list[str]:
    named = [f"--camera=c{number}={clips.RECORDING}" for number in range(cameras)]
    return agent_command(model, *named, "--broker", broker, "--frames", str(frames))


def _resident_mb(command: Sequence[str], environment: Mapping[str, str]) -> float:
    peak_mb = 0.0
    with subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        status = Path(f"/proc/{child.pid}/status")
        while child.poll() is None:
            peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            peak_mb = int(peak[1]) * 1024 / 1e6 if peak else peak_mb
            time.sleep(LOOK_S)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return peak_mb


WHY_MISSED = (
    "Why one camera misses. Above the bare process are pydantic and typer in use, our own modules, what"
    " the self-test has left and SQLite. Tried (LOG.md): one heap for all threads and giving back what"
    " the start has freed, both kept."
)
PART = Part("memory", "Resident memory", run, why=WHY_MISSED)
