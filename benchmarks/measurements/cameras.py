"""One, two, four and eight paced cameras of full high definition on one agent: who gets how much.

The cameras are test patterns made in the agent itself, so eight of them at 30 frames a second are far more
than two cores can do. What matters then is that nobody starves and nothing old is classified.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.comparison import Comparison, Effort, Findings, Part, Table
from benchmarks.programs.agent_run import TIMEOUT_S, agent_command
from benchmarks.subjects.models import model_file
from tests.support.brokers.mosquitto import Mosquitto

COUNTS = (1, 2, 4, 8)
FPS, SIZE = 15, "1920x1080"
DEVICE = "cameras"
FAIR = 0.9
AGE_LIMIT_MS = 2000.0
COLUMNS = ("cameras", "frames/s each", "classified/s in all", "dropped", "oldest classified", "what it said")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run with several cameras came to."""

    classified: tuple[int, ...]
    frames_in: int
    dropped: int
    oldest_ms: float
    seconds: float
    said: int

    @property
    def row(self) -> tuple[str, ...]:
        """As cells under COLUMNS."""
        count = len(self.classified)
        return (
            str(count),
            f"{self.frames_in / count / self.seconds:.1f}",
            f"{sum(self.classified) / self.seconds:.1f}",
            f"{self.dropped / self.frames_in:.0%}",
            f"{self.oldest_ms:.0f} ms",
            f"{self.said} cameras: can't keep up" if self.said else "nothing",
        )


def run(work: Path, effort: Effort) -> Findings:
    """Each number of cameras."""
    model = model_file("mobilenet_v2_224", work)
    comparisons, rows = [], []
    with Mosquitto(work / "broker") as broker:
        for count in COUNTS:
            loads = [_load(count, model, broker, effort.seconds) for _ in range(effort.rounds)]
            rows.append(max(loads, key=lambda load: load.oldest_ms).row)
            comparisons += [_fairness(count, loads), _freshness(count, loads)]
    remark = "The table has each number's round with the oldest frame."
    return Findings(tuple(comparisons), (Table(COLUMNS, tuple(rows)),), (remark,))


def _fairness(count: int, loads: list[Load]) -> Comparison:
    return Comparison(
        f"{count} cameras, the one that got least",
        tuple(float(min(load.classified)) for load in loads),
        "its share",
        tuple(sum(load.classified) / count for load in loads),
        "frames",
        goal=FAIR,
    )


def _freshness(count: int, loads: list[Load]) -> Comparison:
    return Comparison(
        f"{count} cameras, the oldest frame",
        tuple(load.oldest_ms for load in loads),
        "the age limit",
        tuple(AGE_LIMIT_MS for _ in loads),
        "ms",
        better="low",
        goal=1.0,
    )


class _Listener:
    """Keeps each message of one run."""

    def __init__(self, port: int) -> None:
        self.oldest_ms = 0.0
        self.stats: dict[str, Any] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(f"edge/{DEVICE}/+/scores", 0), (f"edge/{DEVICE}/stats", 0)])
        self._client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        record = json.loads(message.payload)
        if message.topic.endswith("/stats"):
            self.stats = record
        else:
            self.oldest_ms = max(self.oldest_ms, record["frame_age_ms"])

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _load(count: int, model: Path, broker: Mosquitto, seconds: float) -> Load:
    listener = _Listener(broker.port)
    command = agent_command(model, "--broker", broker.url, "--device-id", DEVICE, "--scores")
    for number in range(count):
        command += ["--camera", f"cam{number}=test://?fps={FPS}&size={SIZE}"]
    with tempfile.TemporaryDirectory() as state:
        settings = Path(state) / "agent.toml"
        settings.write_text(f"stats_interval = {seconds}\nduration = {seconds * 1.4}\n")
        environment = os.environ | {"STATE_DIRECTORY": state}
        done = subprocess.run(
            [*command, "--config", str(settings)],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
            timeout=TIMEOUT_S,
        )
    listener.close()
    cameras = listener.stats["cameras"].values()
    return Load(
        tuple(camera["classified"] for camera in cameras),
        sum(camera["frames_in"] for camera in cameras),
        sum(camera["dropped"] for camera in cameras),
        listener.oldest_ms,
        seconds,
        done.stderr.count("can't keep up"),
    )


PART = Part("cameras", "Many cameras", run)
