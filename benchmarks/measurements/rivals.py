"""The agent and what people use instead of it: the same machine, the same video, the same network.

Each is a process of its own; they take turns. The agent decides, keeps its events on disk and publishes to
a real Mosquitto meanwhile, which the others do not, and nothing of that is subtracted.
"""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.comparison import Comparison, Effort, Findings, Part, Table, short
from benchmarks.others.tally import WARM_UP_FRAMES
from benchmarks.programs.contenders import Contender, Figures, OurAgent, mediapipe, others
from benchmarks.subjects import clips
from tests.support.brokers.mosquitto import Mosquitto

THREADS = (1, 2)
FRAMES_PER_S = 30  # of effort: about what the slowest manages
TRIAL_FRAMES = WARM_UP_FRAMES + 20
COLUMNS = (
    "program",
    "fps",
    "CPU ms a frame",
    "p95 latency, ms",
    "peak MB",
    "first label, s",
    "installed MB",
    "the agent is behind in",
)
FIGURES: dict[str, tuple[str, Literal["high", "low"]]] = {
    "fps": ("fps", "high"),
    "cpu_ms": ("CPU", "low"),
    "p95_ms": ("latency", "low"),
    "peak_mb": ("memory", "low"),
    "first_label_s": ("first label", "low"),
}
BYTE_PRODUCTS = re.compile(r"\b(avx512_vnni|avx_vnni|asimddp)\b")
REMARKS = (
    "Figures are medians; in brackets ours / theirs, for fps and CPU with the lowest and the highest of the"
    " rounds. Memory is the peak resident of one process.",
    "The agent does more than the others, and nothing of that is subtracted: it looks for pictures that show"
    " nothing, decides over five frames, keeps events on disk and publishes by MQTT.",
    "Why it is behind. Latency, from a frame's decoding to its label: it reads a recording some frames ahead,"
    " which then wait; of a live camera it reads none ahead (see `latency`). First label: it imports more,"
    " runs the model's self-test, and waits for five frames where the others take one. Memory and installed"
    " size: configuration, command line and MQTT; OpenCV's DNN needs no runtime beside OpenCV. fps: reading"
    " in a thread of its own gains only where a core is free.",
    "ONNX int8 is the int8 file's own numbers, by tf2onnx; float32 is what `edge-train export` writes."
    " MediaPipe has no setting for threads.",
)
NO_BYTE_PRODUCTS = (
    "This processor has no instruction for products of bytes (VNNI, on ARM dotprod): int8 is not faster than"
    " float32 here, and ONNX Runtime's float32 needs no more of the processor than LiteRT's int8."
)


@dataclass
class Record:
    """What was seen of one program, round by round; obstacle: why nothing was."""

    program: Contender | OurAgent
    rounds: list[Figures] = field(default_factory=list)
    obstacle: str = ""

    def series(self, name: str) -> tuple[float, ...]:
        """One figure of all rounds."""
        return tuple(getattr(figures, name) for figures in self.rounds)


def run(work: Path, effort: Effort) -> Findings:
    """One thread each, then two each, then MediaPipe, which can't be told."""
    if not clips.is_there():
        return Findings(skipped=clips.MISSING)
    frames = min(clips.frame_count(clips.RECORDING), round(FRAMES_PER_S * effort.seconds))
    with Mosquitto(work / "broker") as broker:
        groups = [[Record(OurAgent(broker, n)), *map(Record, others(n))] for n in THREADS]
        groups[0] += map(Record, mediapipe())
        records = [record for group in groups for record in group]
        for record in records:
            record.obstacle = _obstacle(record.program, work)
        for _ in range(effort.rounds):
            for record in records:
                if not record.obstacle:
                    record.rounds.append(record.program.measure(work, frames))
    rows = [row for group in groups for row in _rows(group)]
    multiplies_bytes = BYTE_PRODUCTS.search(Path("/proc/cpuinfo").read_text())
    remarks = REMARKS if multiplies_bytes else (*REMARKS, NO_BYTE_PRODUCTS)
    return Findings(tables=(Table(COLUMNS, tuple(rows)),), remarks=remarks)


def _obstacle(program: Contender | OurAgent, work: Path) -> str:
    """Why a program can't take part; a short run also fills the system's caches."""
    try:
        program.measure(work, TRIAL_FRAMES)
    except FileNotFoundError as error:
        return f"{Path(error.filename).parents[1].name} is not there"
    except subprocess.CalledProcessError as error:
        return (str(error.stderr or "").strip().splitlines() or ["it broke off"])[-1][:150]
    return ""


def _rows(group: Sequence[Record]) -> list[tuple[str, ...]]:
    """The agent's row, and below it those of the others with the same number of threads."""
    ours, *theirs = group
    return [_own_row(ours), *(_row(ours, each) for each in theirs)]


def _own_row(ours: Record) -> tuple[str, ...]:
    if ours.obstacle:
        return _empty(ours)
    measured = [short(statistics.median(ours.series(name))) for name in FIGURES]
    return (ours.program.name, *measured, short(ours.program.installed_mb()), "")


def _row(ours: Record, theirs: Record) -> tuple[str, ...]:
    if theirs.obstacle or ours.obstacle:
        return _empty(theirs)
    comparisons = [_comparison(name, ours, theirs) for name in FIGURES]
    comparisons.append(_installed(ours, theirs))
    cells = [_cell(each, spread=number < 2) for number, each in enumerate(comparisons)]
    behind = [each.what for each in comparisons if not each.reached]
    return (theirs.program.name, *cells, ", ".join(behind))


def _empty(record: Record) -> tuple[str, ...]:
    return (record.program.name, *["—"] * (len(COLUMNS) - 2), f"not run: {record.obstacle}")


def _comparison(name: str, ours: Record, theirs: Record) -> Comparison:
    title, better = FIGURES[name]
    return Comparison(
        title, ours.series(name), theirs.program.name, theirs.series(name), "", better=better, goal=1.0
    )


def _installed(ours: Record, theirs: Record) -> Comparison:
    sizes = (ours.program.installed_mb(),), (theirs.program.installed_mb(),)
    return Comparison("installed size", sizes[0], theirs.program.name, sizes[1], "", better="low", goal=1.0)


def _cell(comparison: Comparison, *, spread: bool) -> str:
    ratios = f"{short(comparison.ratio)}"
    if spread:
        ratios += f": {short(min(comparison.ratios))} to {short(max(comparison.ratios))}"
    return f"{short(statistics.median(comparison.theirs))} ({ratios})"


PART = Part("rivals", "Against the others", run, quick=False)
