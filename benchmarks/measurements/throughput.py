"""The whole agent on a video file as fast as it goes, against a bare loop of `invoke()`, and decoding alone.

The agent publishes all scores to a real Mosquitto over loopback. Each is a process of its own and they
take turns. Where decoding is slower than the network, decoding is the floor.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import Comparison, Effort, Findings, Part
from benchmarks.programs import processes
from benchmarks.programs.agent_run import Speed, run_agent
from benchmarks.subjects import clips
from benchmarks.subjects.models import MODELS, ModelName, model_file
from tests.support.brokers.mosquitto import Mosquitto

GOAL, CPU_GOAL = 0.97, 1.06
WARM_UP_FRAMES = 30


@dataclass(frozen=True, slots=True)
class Round:
    """The speeds of one round; feeding: decoding, and making each picture the network's input."""

    bare: Speed
    decoding: Speed
    feeding: Speed
    agent: Speed

    @property
    def floor(self) -> float:
        """What neither network nor decoder allows to exceed, in frames a second."""
        return min(self.bare.fps, self.decoding.fps)


def run(work: Path, effort: Effort) -> Findings:
    """Each network on each clip."""
    if not clips.is_there():
        return Findings(skipped=clips.MISSING)
    sources = {"768×432": clips.RECORDING, "1920×1080": clips.full_hd(work)}
    comparisons: list[Comparison] = []
    with Mosquitto(work / "broker") as broker:
        for model in MODELS:
            for size, clip in sources.items():
                comparisons += _compare(model, size, clip, broker, work, effort)
    comparisons.sort(key=lambda comparison: comparison.unit != "fps")
    return Findings(tuple(comparisons))


def _compare(
    model: ModelName, size: str, clip: Path, broker: Mosquitto, work: Path, effort: Effort
) -> list[Comparison]:
    file = model_file(model, work)
    probe = _bare(file, WARM_UP_FRAMES)
    frames = max(WARM_UP_FRAMES, min(clips.frame_count(clip), round(probe.fps * effort.seconds)))
    rounds = [
        Round(
            _bare(file, frames),
            _alone("decoding", clip, frames),
            _alone("decoding", clip, frames, file),
            run_agent(file, clip, frames, broker, ["--scores"]),
        )
        for _ in range(effort.rounds)
    ]
    what = f"{model}, {size}"
    decoding = [turn.bare.cpu_ms + turn.decoding.cpu_ms for turn in rounds]
    feeding = [turn.bare.cpu_ms + turn.feeding.cpu_ms for turn in rounds]
    return [
        _frames(what, rounds),
        _processor(what, rounds, "invoke + decoding alone", decoding, CPU_GOAL),
        _processor(what, rounds, "invoke + decoding + preparing alone", feeding),
    ]


def _frames(what: str, rounds: Sequence[Round]) -> Comparison:
    limit = "decoding" if rounds[0].floor < rounds[0].bare.fps else "invoke"
    return Comparison(
        what,
        tuple(turn.agent.fps for turn in rounds),
        f"{limit} alone",
        tuple(turn.floor for turn in rounds),
        "fps",
        goal=GOAL,
        note="" if limit == "invoke" else f"bare invoke {rounds[0].bare.fps:.0f} fps",
    )


def _processor(
    what: str, rounds: Sequence[Round], against: str, floors_ms: Sequence[float], goal: float | None = None
) -> Comparison:
    ours = tuple(turn.agent.cpu_ms for turn in rounds)
    return Comparison(what, ours, against, tuple(floors_ms), "CPU ms a frame", better="low", goal=goal)


def _bare(model: Path, frames: int) -> Speed:
    return _alone("loop", model, frames)


def _alone(program: str, file: Path, frames: int, *more: Path) -> Speed:
    command = [sys.executable, "-m", f"benchmarks.bare.{program}", str(file), str(frames), *map(str, more)]
    wall_s, cpu_s = map(float, processes.run(command).stdout.split())
    return Speed.of(frames, wall_s, cpu_s)


WHY_MISSED = (
    "Why goals are missed. The network takes as long in the agent as alone; between two of its turns "
    "Python fills the input, reads the scores, decides and sends them, which weighs the more the "
    "quicker the network is. Of the processor's time the rest is preparing and looking for pictures "
    "that show nothing. At 1,080 lines decoding is the limit, and alone it has both cores. Tried "
    "(LOG.md): a thread for the network, waiting for room before preparing, sending in the loop's own "
    "thread, other places for reading ahead."
)
PART = Part("throughput", "Throughput, and the processor's time for a frame", run, why=WHY_MISSED)
