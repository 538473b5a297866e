"""The nouns of a benchmark, and percentiles of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Stage = Literal["capture", "sight", "preprocess", "inference", "publish"]
STAGES: tuple[Stage, ...] = ("capture", "sight", "preprocess", "inference", "publish")
# The first frames fill caches and buffers, and would be measured as slow.
WARM_UP_FRAMES = 5


@dataclass(frozen=True, slots=True)
class StageTime:
    """Percentiles of one stage over all frames, in milliseconds."""

    stage: Stage
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class StageTiming:
    """One thread that does a stage after the other, `frames` times.

    stages: a live camera's capture is the processor's time for a picture, as the rest is waiting. fps: frames
    a second without that waiting. width, height: of the pictures, in pixels.
    """

    stages: tuple[StageTime, ...]
    fps: float
    frames: int
    width: int
    height: int

    def p50_ms(self, *stages: Stage) -> float:
        """The medians of these stages together."""
        return sum(each.p50_ms for each in self.stages if each.stage in stages)


@dataclass(frozen=True, slots=True)
class AgentRun:
    """The real agent on the same source: capture in its own thread, decisions thrown away.

    fps: frames judged a second; camera_fps: frames that came, None for a recording, which waits. cpu_ms: all
    threads, a frame. memory in MB (10^6 bytes) at the end and at most; first_answer_s: from the start of the
    process to the first full window; None where the system does not say.
    """

    fps: float
    camera_fps: float | None
    cpu_ms: float
    memory_mb: float | None
    memory_peak_mb: float | None
    first_answer_s: float | None


@dataclass(frozen=True, slots=True)
class Machine:
    """A board or computer: its name, its processor, and how many of its cores the agent may use."""

    name: str
    processor: str
    cores: int


@dataclass(frozen=True, slots=True)
class BenchedModel:
    """Which model; backbone and precision are None where the file does not say. Sizes in pixels."""

    name: str
    sha256: str
    backbone: str | None
    precision: str | None
    width: int
    height: int

    @property
    def shown(self) -> str:
        """`mobilenet_v2 224×224 int8`, or the file's name and size."""
        return " ".join(filter(None, [self.backbone or self.name, self.size, self.precision]))

    @property
    def size(self) -> str:
        """The input's size."""
        return f"{self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class Limit:
    """What keeps the rate from being higher, in words, and what may help."""

    stage: Stage | Literal["camera", "setting", "machine"]
    text: str
    advice: str


@dataclass(frozen=True, slots=True)
class Bench:
    """All that was found. source: as it may be shown; live: a camera, which sets its own pace."""

    date: str
    machine: Machine
    versions: Mapping[str, str]
    model: BenchedModel
    runtime: str
    threads: int
    source: str
    live: bool
    stage_timing: StageTiming
    agent: AgentRun
    limited_by: Limit
    comparison: str


def stage_times(samples: Mapping[Stage, Sequence[float]]) -> tuple[StageTime, ...]:
    """Percentiles of each stage's milliseconds, without the stages that have none."""
    return tuple(_stage_time(stage, samples[stage]) for stage in STAGES if samples.get(stage))


def _stage_time(stage: Stage, values: Sequence[float]) -> StageTime:
    p50, p95, p99 = (round(float(value), 3) for value in np.percentile(values, [50, 95, 99]))
    return StageTime(stage, p50, p95, p99)
