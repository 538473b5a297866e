"""Processor time of the whole agent on a still scene, with the change gate and classifying every frame.

Run: python -m benchmarks.gate --model FILE [--sources h264 mjpeg csi] [--size 768x432] [--runs 5]
Two agents watch the same kind of paced live source at the same time, each from a server of its own, and
publish to a real Mosquitto. What counts is each process' own time a frame, once it has started; the servers
are other processes.
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
SETTLE_S = 7.0
TICKS = os.sysconf("SC_CLK_TCK")
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
    """Of one agent: processor time a frame in ms, and the shares of its frames."""

    ms: float
    fps: float
    classified: float


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
            pairs = [_pair(source, recorded, options, broker) for _ in range(options.runs)]
            _print(f"{source} {options.size}", pairs)


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
            yield address, {}
        finally:
            process.kill()


def _pair(
    source: str, recorded: Path, options: argparse.Namespace, broker: Mosquitto
) -> tuple[Figures, Figures]:
    """Every frame classified, and with the gate, at the same time."""
    with contextlib.ExitStack() as stack:
        agents = []
        for switch in ("--no-gate", "--gate"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            address, environment = stack.enter_context(_camera(source, recorded, folder))
            port = free_port()
            command = [sys.executable, "-m", "edge", "--camera", f"cam={address}", switch]
            command += ["--model", str(options.model), "--broker", broker.url, "--metrics", str(port)]
            command += ["--device-id", folder.name.lower(), *options.options.split()]
            environment = os.environ | environment | {"STATE_DIRECTORY": str(folder)}
            agent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            stack.callback(agent.wait, 20)
            stack.callback(agent.terminate)
            agents.append((agent.pid, port))
        _wait_for_frames([port for _, port in agents])
        time.sleep(SETTLE_S)
        before = [_reading(*agent) for agent in agents]
        time.sleep(options.measure_s)
        after = [_reading(*agent) for agent in agents]
    first, second = (_figures(*readings) for readings in zip(before, after, strict=True))
    return first, second


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


def _reading(pid: int, port: int) -> tuple[float, float, float, float]:
    """Now in s, processor time in s, frames, frames classified."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    frames, classified = (_counter(port, f"frames_{name}_total") for name in ("received", "classified"))
    return time.monotonic(), (int(fields[11]) + int(fields[12])) / TICKS, frames, classified


def _figures(before: tuple[float, ...], after: tuple[float, ...]) -> Figures:
    took_s, cpu_s, frames, classified = np.subtract(after, before)
    return Figures(cpu_s * 1e3 / frames, frames / took_s, classified / frames)


def _print(what: str, pairs: list[tuple[Figures, Figures]]) -> None:
    every, gated = zip(*pairs, strict=True)
    ratios = [b.ms / a.ms for a, b in pairs]
    middle = statistics.median
    print(
        f"{what}: every {middle(f.ms for f in every):.2f} ms, gate {middle(f.ms for f in gated):.2f} ms,"
        f" ratio {middle(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), {len(pairs)} pairs,"
        f" {middle(f.fps for f in gated):.1f} fps, classified {middle(f.classified for f in every):.3f}"
        f" and {middle(f.classified for f in gated):.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
