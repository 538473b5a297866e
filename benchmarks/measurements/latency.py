"""From the moment a live frame is read to the broker's receipt of its scores, at 30 frames a second.

A subscriber on this machine notes when each message arrives; the message says when its picture came. That
is cut to milliseconds, half a millisecond too early in the mean, which is taken off.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.comparison import Comparison, Effort, Findings, Part
from benchmarks.programs import processes
from benchmarks.programs.agent_run import TIMEOUT_S, agent_command
from benchmarks.subjects.models import MODELS, ModelName, model_file
from tests.support.brokers.mosquitto import Mosquitto

FPS, SIZE = 30, "768x432"
DEVICE, CAMERA = "latency", "bars"
P50_GOAL_MS, P95_GOAL_MS = 2.0, 5.0
WARM_UP_FRAMES = 15
BARE_FRAMES, PACED_FRAMES = 150, 60
CUT_MS = 0.5


@dataclass
class Delays:
    """Collects, in the subscriber's thread, how old each frame's scores are when they arrive."""

    values_ms: list[float] = field(default_factory=list)

    def on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        """Note one message."""
        now_s = time.time()
        taken_s = datetime.fromisoformat(json.loads(message.payload)["timestamp"]).timestamp()
        self.values_ms.append((now_s - taken_s) * 1e3 - CUT_MS)

    def percentiles(self) -> tuple[float, float]:
        """The median and the 95th percentile in milliseconds, without the first frames."""
        values = self.values_ms[WARM_UP_FRAMES:]
        return statistics.median(values), statistics.quantiles(values, n=20)[-1]


def run(work: Path, effort: Effort) -> Findings:
    """Each network."""
    comparisons: list[Comparison] = []
    with Mosquitto(work / "broker") as broker:
        for model in MODELS:
            comparisons += _compare(model, broker, work, effort)
    return Findings(tuple(comparisons))


def _compare(model: ModelName, broker: Mosquitto, work: Path, effort: Effort) -> list[Comparison]:
    file = model_file(model, work)
    invokes, paced, medians, tails = [], [], [], []
    for _ in range(effort.rounds):
        invokes.append(_invoke_ms(file, BARE_FRAMES))
        paced.append(_invoke_ms(file, PACED_FRAMES, str(FPS)))
        median, tail = _delays(file, broker, effort.seconds).percentiles()
        medians.append(median)
        tails.append(tail)
    return [
        _comparison(f"{model}, p50", medians, "invoke alone", invokes, P50_GOAL_MS, goal=1.0),
        _comparison(f"{model}, p95", tails, "invoke alone", invokes, P95_GOAL_MS, goal=1.0),
        _comparison(f"{model}, p50", medians, f"invoke alone at {FPS} a second", paced, P50_GOAL_MS),
    ]


def _comparison(
    what: str, ours: list[float], of: str, invokes: list[float], more_ms: float, goal: float | None = None
) -> Comparison:
    against, theirs = f"{of} + {more_ms:g} ms", tuple(invoke + more_ms for invoke in invokes)
    return Comparison(what, tuple(ours), against, theirs, "ms", better="low", goal=goal)


def _invoke_ms(model: Path, frames: int, *fps: str) -> float:
    command = [sys.executable, "-m", "benchmarks.bare.loop", str(model), str(frames), *fps]
    return float(processes.run(command).stdout.split()[0]) / frames * 1e3


def _delays(model: Path, broker: Mosquitto, seconds: float) -> Delays:
    delays = Delays()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = delays.on_message
    client.connect("127.0.0.1", broker.port)
    client.subscribe(f"edge/{DEVICE}/{CAMERA}/scores")
    client.loop_start()
    command = agent_command(model, "--camera", f"{CAMERA}=test://?fps={FPS}&size={SIZE}", "--scores")
    command += ["--broker", broker.url, "--device-id", DEVICE, "--duration", str(seconds)]
    try:
        with tempfile.TemporaryDirectory() as state:
            environment = os.environ | {"STATE_DIRECTORY": state}
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment, timeout=TIMEOUT_S)
    finally:
        client.disconnect()
        client.loop_stop()
    return delays


WHY_MISSED = (
    "Why the median misses. The network itself takes longer once in 33 ms than without a pause (third "
    "rows). The rest is handing a picture from thread to thread, looking whether it shows something, "
    "preparing, deciding and sending, each a tenth to a half of a millisecond. Tried (LOG.md): sending "
    "in the loop's own thread."
)
PART = Part("latency", "From a live frame to the broker", run, quick=False, why=WHY_MISSED)
