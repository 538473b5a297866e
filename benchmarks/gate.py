"""Processor time of the whole agent on a still scene, with the change gate and classifying every frame.

Run: python -m benchmarks.gate --model FILE [--sources h264 mjpeg csi] [--size 768x432] [--runs 5]
Two agents watch the same kind of paced live source at the same time, each from a server of its own, and
publish to a real Mosquitto; beside them a third process does nothing but read. What counts is each process'
own time a frame, once it has started; the servers are other processes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.gate_scenes import FPS, H264, MJPEG, Scene, record, room
from tests.support.mosquitto import Mosquitto
from tests.support.tools import free_port

SECONDS, SIGMA = 5, 3.0
SETTLE_S = 4.0
TICKS = os.sysconf("SC_CLK_TCK")
SHOWN = ("every_ms", "gate_ms", "read_ms", "ratio", "ratio_beyond_reading")
SHOWN += ("every_classified", "gate_classified")
RPICAM = """#!{python}
import sys, time
from pathlib import Path
data = Path({pictures!r}).read_bytes()
jpegs = [b"\\xff\\xd8\\xff" + part for part in data.split(b"\\xff\\xd8\\xff")[1:]]
due, number = time.monotonic(), 0
while True:
    sys.stdout.buffer.write(jpegs[number % len(jpegs)])
    sys.stdout.buffer.flush()
    number, due = number + 1, due + 1 / {fps}
    time.sleep(max(0.0, due - time.monotonic()))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Processor time a frame in ms, of both agents and of reading alone; the shares of frames classified."""

    every_ms: float
    gate_ms: float
    read_ms: float
    every_classified: float
    gate_classified: float

    @property
    def ratio(self) -> float:
        """With the gate, of classifying every frame; reading the source is in both."""
        return self.gate_ms / self.every_ms

    @property
    def ratio_beyond_reading(self) -> float:
        """The same without what reading costs."""
        return (self.gate_ms - self.read_ms) / (self.every_ms - self.read_ms)


def main() -> None:
    """Measure and print one line a source."""
    parser = argparse.ArgumentParser(description="processor time on a still scene")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sources", nargs="+", default=["h264", "mjpeg", "csi"])
    parser.add_argument("--size", default="768x432")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--measure-s", type=float, default=6.0)
    parser.add_argument("--options", default="", help="further options of both agents")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "broker") as broker:
        for source in options.sources:
            recorded = _still(Path(name), source, options.size)
            found = [_measured(source, recorded, options, broker) for _ in range(options.runs)]
            _print(f"{source} {options.size}", found)


def _still(folder: Path, source: str, size: str) -> Path:
    """The empty room with a sensor's noise, in the source's coding."""
    width, height = map(int, size.split("x"))
    coding = (*H264, "23", "-g", "60") if source == "h264" else (*MJPEG, "4")
    path = folder / f"still.{'ts' if source == 'h264' else 'mjpeg' if source == 'csi' else 'avi'}"
    record(Scene(lambda: iter([room()] * SECONDS * FPS), SIGMA, coding), path, size=(width, height))
    return path


@contextlib.contextmanager
def _camera(source: str, recorded: Path, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and what the agent's environment must say."""
    if source == "csi":
        program = folder / "rpicam-vid"
        program.write_text(RPICAM.format(python=sys.executable, pictures=str(recorded), fps=FPS))
        program.chmod(0o755)
        yield "csi://0", {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        return
    address = f"http://127.0.0.1:{free_port()}/camera"
    command = ["ffmpeg", "-loglevel", "quiet", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(recorded)]
    command += ["-c", "copy", "-f", "mpegts" if source == "h264" else "mpjpeg", "-listen", "1", address]
    with subprocess.Popen(command) as process:
        try:
            # the server takes one client, and without options for FFmpeg of its own the agent would ask twice
            yield address, {"OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp"}
        finally:
            process.kill()


def _measured(source: str, recorded: Path, options: argparse.Namespace, broker: Mosquitto) -> Figures:
    """Every frame classified, with the gate, and only read, at the same time."""
    with contextlib.ExitStack() as stack:
        agents = []
        for switch in ("--no-gate", "--gate"):
            port, name = free_port(), f"gate{free_port()}"
            command = ["-m", "edge", switch, "--model", str(options.model), "--broker", broker.url]
            command += ["--metrics", str(port), "--device-id", name, *options.options.split(), "--camera"]
            agents.append((_started(command, source, recorded, stack), port))
        reader = _started(["-m", "benchmarks.bare_reader"], source, recorded, stack)
        _wait_for_frames([port for _, port in agents])
        time.sleep(SETTLE_S)
        before = [*(_reading(*agent) for agent in agents), _cpu_s(reader)]
        time.sleep(options.measure_s)
        after = [*(_reading(*agent) for agent in agents), _cpu_s(reader)]
    every, gate, read_s = (np.subtract(b, a) for a, b in zip(before, after, strict=True))
    return Figures(
        every[0] * 1e3 / every[1],
        gate[0] * 1e3 / gate[1],
        float(read_s) * 1e3 / gate[1],
        every[2] / every[1],
        gate[2] / gate[1],
    )


def _started(command: list[str], source: str, recorded: Path, stack: contextlib.ExitStack) -> int:
    """A Python process whose last argument is a source of its own; its number."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    address, environment = stack.enter_context(_camera(source, recorded, folder))
    environment = os.environ | environment | {"STATE_DIRECTORY": str(folder)}
    process = subprocess.Popen(
        [sys.executable, *command, address], env=environment, stderr=subprocess.DEVNULL
    )
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)
    return process.pid


def _wait_for_frames(ports: list[int]) -> None:
    deadline_s = time.monotonic() + 30
    for port in ports:
        while not _counter(port, "frames_classified_total"):
            if time.monotonic() > deadline_s:
                raise TimeoutError("an agent classified nothing in 30 s")
            time.sleep(0.1)


def _counter(port: int, name: str) -> float:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            found = re.search(rf"^edge_agent_{name}{{[^}}]*}} (\S+)", answer.read().decode(), re.MULTILINE)
    except OSError:
        return 0.0
    return float(found[1]) if found else 0.0


def _reading(pid: int, port: int) -> tuple[float, float, float]:
    """Processor time in s, frames, frames classified."""
    frames, classified = (_counter(port, f"frames_{name}_total") for name in ("received", "classified"))
    return _cpu_s(pid), frames, classified


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _print(what: str, found: list[Figures]) -> None:
    print(f"{what}, {len(found)} times")
    for name in SHOWN:
        values = [getattr(figures, name) for figures in found]
        middle, low, high = statistics.median(values), min(values), max(values)
        print(f"  {name:22}{middle:8.3f}   ({low:.3f} to {high:.3f})", flush=True)


if __name__ == "__main__":
    main()
