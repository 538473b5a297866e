"""The real agent on a recording with a real broker, as a subscriber and the system see it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.programs.processes import cpu_s
from tests.support.brokers.mosquitto import Mosquitto

CAMERA = "video"
TIMEOUT_S = 300
_runs = itertools.count()


@dataclass(frozen=True, slots=True)
class Moment:
    """Wall clock and the agent's processor time, in seconds."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Frames a second, and the processor's milliseconds a frame."""

    fps: float
    cpu_ms: float

    @classmethod
    def of(cls, frames: int, wall_s: float, cpu_s: float) -> Speed:
        """Of so many frames in so many seconds."""
        return cls(frames / wall_s, cpu_s / frames * 1e3)


class Observer:
    """Notes the moments when a camera came and went; it does little, so as not to compete with the agent."""

    def __init__(self, port: int, device: str) -> None:
        self.moments: dict[bytes, Moment] = {}
        self.ended = threading.Event()
        self.pid: int | None = None
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"edge/{device}/{CAMERA}/availability", qos=1)
        self._client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        used_s = 0.0 if self.pid is None else cpu_s(self.pid)
        self.moments.setdefault(message.payload, Moment(time.perf_counter(), used_s))
        if message.payload == b"offline":
            self.ended.set()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def agent_command(model: Path, *options: str) -> list[str]:
    """The agent with a model file; its labels may lie beside it."""
    command = [sys.executable, "-m", "edge", "--model", str(model), *options]
    labels = model.with_suffix(".txt")
    return [*command, "--labels", str(labels)] if labels.is_file() else command


def run_agent(model: Path, clip: Path, frames: int, broker: Mosquitto, options: Sequence[str] = ()) -> Speed:
    """The agent's speed from its camera's `online`, with the first frame, to `offline`, after the last."""
    device = f"bench{next(_runs)}"
    observer = Observer(broker.port, device)
    command = agent_command(model, "--camera", f"{CAMERA}={clip}", "--broker", broker.url, *options)
    command += ["--device-id", device, "--frames", str(frames)]
    try:
        with tempfile.TemporaryDirectory() as state:
            environment = os.environ | {"STATE_DIRECTORY": state}
            with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as agent:
                observer.pid = agent.pid
                if not observer.ended.wait(TIMEOUT_S) or agent.wait(TIMEOUT_S):
                    agent.kill()
                    raise subprocess.CalledProcessError(agent.returncode or 1, command)
    finally:
        observer.close()
    first, last = observer.moments[b"online"], observer.moments[b"offline"]
    return Speed.of(frames, last.wall_s - first.wall_s, last.cpu_s - first.cpu_s)
