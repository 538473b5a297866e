"""The programs that are held side by side on one video and one network, and what each is seen to need."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bare.bytecode import compiled
from benchmarks.measurements.interchange import MEDIAPIPE
from benchmarks.others import networks
from benchmarks.others.tally import WARM_UP_FRAMES, peak_mb
from benchmarks.programs import processes
from benchmarks.programs.agent_run import CAMERA, agent_command, run_agent
from benchmarks.programs.packages_size import installed_mb, tree_mb
from benchmarks.subjects import clips
from tests.support.brokers.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
OUR_ENVIRONMENT, MEDIAPIPE_ENVIRONMENT = Path(sys.prefix), MEDIAPIPE.parents[1]
OPENCV = ("opencv-python-headless", "numpy")


@dataclass(frozen=True, slots=True)
class Figures:
    """One run of one program: milliseconds are of a frame, memory is the peak resident, in 10⁶ bytes."""

    fps: float
    cpu_ms: float
    p95_ms: float
    peak_mb: float
    first_label_s: float


@dataclass(frozen=True, slots=True)
class Contender:
    """A program of `benchmarks.others`, the network that it runs, and the distributions that it needs.

    threads: for the network; 0 where it can't be told.
    """

    name: str
    program: str
    network: Callable[[Path], Path]
    needs: tuple[str, ...]
    threads: int
    environment: Path = OUR_ENVIRONMENT

    def measure(self, work: Path, frames: int) -> Figures:
        """One run; raises FileNotFoundError without its environment, CalledProcessError if it breaks off."""
        python, network = self.environment / "bin" / "python", self.network(work)
        command = [python, "-m", f"benchmarks.others.{self.program}", network, clips.RECORDING]
        command += [frames, self.threads, time.monotonic()]
        ended = processes.run([*map(str, command)], environment=compiled(work) | {"PYTHONPATH": str(ROOT)})
        return Figures(**json.loads(ended.stdout.splitlines()[-1]))

    def installed_mb(self) -> float:
        """What it takes on the disk."""
        return installed_mb(self.environment, self.needs)


@dataclass(frozen=True, slots=True)
class OurAgent:
    """The agent with a broker, deciding and publishing; threads: for the network."""

    broker: Mosquitto
    threads: int

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"edge-agent{_with(self.threads)}"

    def measure(self, work: Path, frames: int) -> Figures:
        """Speed as a subscriber sees it; then, in a second run, what it prints of each frame."""
        network, options = networks.shipped(work), ["--threads", str(self.threads)]
        speed = run_agent(network, clips.RECORDING, frames, self.broker, options)
        first_label_s, ages_ms, peak = self._listened_to(work, frames, options)
        p95_ms = statistics.quantiles(ages_ms[WARM_UP_FRAMES:], n=20)[-1]
        return Figures(speed.fps, speed.cpu_ms, p95_ms, peak, first_label_s)

    def _listened_to(self, work: Path, frames: int, options: list[str]) -> tuple[float, list[float], float]:
        """Seconds to its first label, the frames' ages when they were decided on, its peak memory."""
        command = agent_command(networks.shipped(work), "--camera", f"{CAMERA}={clips.RECORDING}", *options)
        command += ["--stdout", "--broker", self.broker.url, "--device-id", "listened-to"]
        command += ["--frames", str(frames)]
        first_label_s, ages_ms, peak = None, [], 0.0
        with tempfile.TemporaryDirectory() as state:
            environment = os.environ | compiled(work) | {"STATE_DIRECTORY": state}
            started_s = time.monotonic()
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            ) as agent:
                for line in agent.stdout or ():
                    decision = json.loads(line)
                    if first_label_s is None and decision["label"] is not None:
                        first_label_s = time.monotonic() - started_s
                    if decision["frame"] is not None and decision["unknown_reason"] != "no_frames":
                        ages_ms.append(decision["frame_age_ms"])
                    peak = peak_mb(agent.pid) or peak
        if agent.returncode or first_label_s is None:
            raise subprocess.CalledProcessError(agent.returncode or 1, command)
        return first_label_s, ages_ms, peak

    def installed_mb(self) -> float:
        """What it takes on the disk; here it is installed as a link to its sources."""
        return installed_mb(OUR_ENVIRONMENT, ["edge-agent"]) + tree_mb(ROOT / "edge", ROOT / "training")


def others(threads: int) -> list[Contender]:
    """All but ours that can be told how many threads to use."""
    litert = ("ai-edge-litert", *OPENCV)
    return [
        Contender(
            f"tutorial loop on LiteRT{_with(threads)}", "tutorial_loop", networks.shipped, litert, threads
        ),
        Contender(
            f"ONNX Runtime, int8{_with(threads)}",
            "onnx_runtime",
            networks.int8_onnx,
            ("onnxruntime", *OPENCV),
            threads,
        ),
        Contender(
            f"ONNX Runtime, float32{_with(threads)}",
            "onnx_runtime",
            networks.float_onnx,
            ("onnxruntime", *OPENCV),
            threads,
        ),
        Contender(f"OpenCV DNN, int8{_with(threads)}", "opencv_dnn", networks.int8_onnx, OPENCV, threads),
        Contender(f"OpenCV DNN, float32{_with(threads)}", "opencv_dnn", networks.float_onnx, OPENCV, threads),
    ]


def mediapipe() -> list[Contender]:
    """MediaPipe's two ways to look at a video."""
    return [
        Contender(
            f"MediaPipe, {words} mode",
            f"mediapipe_{mode}",
            networks.shipped,
            ("mediapipe",),
            0,
            MEDIAPIPE_ENVIRONMENT,
        )
        for mode, words in (("video", "video"), ("live", "live-stream"))
    ]


def _with(threads: int) -> str:
    return f", {threads} thread{'s' if threads > 1 else ''}"
