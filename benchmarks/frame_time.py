"""The time between two frames' results of the real agent: with an event at nearly every frame, and with none.

The clip shows every other frame as a negative, so that an untrained network changes its mind. With a limit
that no score reaches the answer is always unknown; all else is the same.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import clips
from benchmarks.agent_run import CAMERA, TIMEOUT_S, agent_command
from benchmarks.comparison import Comparison, Effort
from benchmarks.models import model_file
from tests.support.mosquitto import Mosquitto

MODEL = "mobilenet_v3_small_224"
FRAMES_PER_S = 60  # about; so many are classified for each second of the effort
CLIP_S, GOAL, PERCENTILE = 20, 1.1, 99
DECISION = "[decision]\nwindow = 1\nhysteresis = 0.0\nmin_confidence = {}\n"


@dataclass(frozen=True, slots=True)
class Run:
    """p99_ms: of the time between two frames' scores; events: how many the agent sent."""

    p99_ms: float
    events: int


def compare(broker: Mosquitto, work: Path, effort: Effort) -> tuple[Comparison, ...]:
    """Pairs of runs, one with a flood and one without; nothing where the recording is not there."""
    if not clips.is_there():
        return ()
    clip, model = _flickering(work), model_file(MODEL, work)
    frames = round(FRAMES_PER_S * effort.seconds)
    pairs = []
    for _ in range(effort.rounds):
        flooded = _run(model, clip, frames, broker, limit=0.0)
        pairs.append((flooded, _run(model, clip, frames, broker, limit=1.0)))
    flood, calm = zip(*pairs, strict=True)
    share = sum(run.events for run in flood) / (frames * len(flood))
    return (
        Comparison(
            "time between frames, p99, with events",
            tuple(run.p99_ms for run in flood),
            "without events",
            tuple(run.p99_ms for run in calm),
            "ms",
            better="low",
            goal=GOAL,
            note=f"an event at {share:.0%} of the frames",
        ),
    )


def _run(model: Path, clip: Path, frames: int, broker: Mosquitto, *, limit: float) -> Run:
    with tempfile.TemporaryDirectory(dir=clip.parent) as state, _watching(broker.port) as watch:
        config = Path(state) / "agent.toml"
        config.write_text(DECISION.format(limit))
        command = agent_command(model, "--camera", f"{CAMERA}={clip}", "--broker", broker.url, "--scores")
        command += ["--config", str(config), "--device-id", "flood", "--frames", str(frames)]
        environment = os.environ | {"STATE_DIRECTORY": state}
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL, timeout=TIMEOUT_S)
        watch.ended.wait(TIMEOUT_S)
    between_ms = np.diff(watch.times_s) * 1e3
    return Run(float(np.percentile(between_ms, PERCENTILE)), watch.events)


class _Watch:
    """When scores came, and how many events."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.events = 0
        self.ended = threading.Event()

    def on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        leaf = message.topic.rpartition("/")[2]
        if leaf == "scores":
            self.times_s.append(time.perf_counter())
        elif leaf == "event":
            self.events += 1
        elif message.payload == b"offline" and not message.retain:
            self.ended.set()


@contextmanager
def _watching(port: int) -> Iterator[_Watch]:
    watch, subscribed = _Watch(), threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message, client.on_subscribe = watch.on_message, lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    topics = (f"{CAMERA}/scores", f"{CAMERA}/event", "availability")
    client.subscribe([(f"edge/flood/{topic}", 1) for topic in topics])
    client.loop_start()
    subscribed.wait(TIMEOUT_S)
    try:
        yield watch
    finally:
        client.disconnect()
        client.loop_stop()


def _flickering(folder: Path) -> Path:
    clip = folder / f"recording-flickering-{CLIP_S}.mp4"
    if not clip.is_file():
        command = ["ffmpeg", "-y", "-v", "error", "-i", str(clips.RECORDING), "-t", str(CLIP_S), "-an"]
        command += ["-vf", "negate=enable='mod(n,2)'", "-c:v", "libx264", "-preset", "veryfast"]
        subprocess.run([*command, str(clip)], check=True)
    return clip
