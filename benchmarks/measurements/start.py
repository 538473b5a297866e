"""From the start of the process to the first label of a recording, and `--help`; what is imported costs what.

The first label is the first line on stdout that has one: with the default window, after the fifth frame.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bare.bytecode import compiled
from benchmarks.comparison import Comparison, Effort, Findings, Part, Table
from benchmarks.programs import processes
from benchmarks.programs.agent_run import agent_command
from benchmarks.subjects import clips
from benchmarks.subjects.models import model_file
from benchmarks.subjects.packed import LOW, packed

LABEL_GOAL, HELP_GOAL = 1.5, 1.3
LIBRARIES = "import numpy, cv2, ai_edge_litert.interpreter, paho.mqtt.client"
MODULES = (
    "numpy",
    "cv2",
    "ai_edge_litert.interpreter",
    "paho.mqtt.client",
    "pydantic.main",
    "typer",
    "edge.cli",
    "edge.agent.build",
)
STEPS = """
import importlib, sys, time
for name in sys.argv[1:]:
    started = time.perf_counter()
    importlib.import_module(name)
    print(time.perf_counter() - started)
"""
EMPTY = """
import typer
app = typer.Typer()
@app.command()
def main() -> None:
    pass
app()
"""
FRAMES = 30


def run(work: Path, effort: Effort) -> Findings:
    """The first label of one of our files and of a foreign one, and `--help`."""
    if not clips.is_there():
        return Findings(skipped=clips.MISSING)
    environment = compiled(work)
    rows = _measured(work, environment, effort.rounds)
    libraries, label, foreign_label, empty_help, our_help = zip(*rows, strict=True)
    bare, tried = "importing numpy, OpenCV, LiteRT, paho", "it is first tried out in another process"
    empty, name = "empty typer program", "first label, foreign file"
    return Findings(
        (
            Comparison("first label", label, bare, libraries, "s", better="low", goal=LABEL_GOAL),
            Comparison(name, foreign_label, bare, libraries, "s", better="low", note=tried),
            Comparison("--help", our_help, empty, empty_help, "s", better="low", goal=HELP_GOAL),
        ),
        (_imports(environment, effort.rounds),),
    )


def _measured(work: Path, environment: Mapping[str, str], rounds: int) -> list[tuple[float, ...]]:
    """Seconds of each round: the libraries, our first label, a foreign file's, an empty `--help`, ours."""
    python, foreign, empty = sys.executable, model_file("mobilenet_v2_224", work), work / "empty_typer.py"
    empty.write_text(EMPTY)
    camera = ("--camera", str(clips.RECORDING), "--stdout", "--frames", str(FRAMES))
    ours = agent_command(packed(foreign), *camera)
    others = agent_command(foreign, *camera, "--min-confidence", str(LOW))
    rows = [
        (
            processes.run([python, "-c", LIBRARIES], environment=environment).wall_s,
            _first_label_s(ours, environment),
            _first_label_s(others, environment),
            processes.run([python, str(empty), "--help"], environment=environment).wall_s,
            processes.run([python, "-m", "edge", "--help"], environment=environment).wall_s,
        )
        for _ in range(rounds + 1)
    ]
    return rows[1:]  # the first one writes bytecode


def _first_label_s(command: Sequence[str], environment: Mapping[str, str]) -> float:
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as agent:
        found = None
        for line in agent.stdout or ():
            if found is None and json.loads(line)["label"] is not None:
                found = time.perf_counter() - started
    if found is None or agent.returncode:
        raise subprocess.CalledProcessError(agent.returncode, command)
    return found


def _imports(environment: Mapping[str, str], rounds: int) -> Table:
    """What each of the modules costs, with all that those before it have not imported yet."""
    command = [sys.executable, "-c", STEPS, *MODULES]
    runs = [processes.run(command, environment=environment).stdout.split() for _ in range(rounds)]
    rows = tuple(
        (module, f"{statistics.median(map(float, costs)) * 1e3:.0f}")
        for module, costs in zip(MODULES, zip(*runs, strict=True), strict=True)
    )
    return Table(("import, in this order", "ms"), rows)


WHY_MISSED = (
    "Why the first label misses. More than the four libraries are pydantic and typer, our own modules "
    "(the table), the model's self-test, and five frames before an answer. Tried (LOG.md): importing in"
    " a thread beside the model, classes made later, garbage collection off from the first line."
)
PART = Part("start", "Start", run, why=WHY_MISSED)
