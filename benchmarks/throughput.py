"""Frames per second of the whole agent on a video file, against a bare loop of `invoke()`.

Run: make bench, or python -m benchmarks.throughput [--model FILE] [--scores] [--runs 5]
The agent publishes to a real Mosquitto over loopback. Both are processes of their own and take turns; what
counts is the ratio of each pair.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.mosquitto import Mosquitto

VIDEO = Path(__file__).parents[2] / "shared" / "media" / "one-by-one-person-detection.mp4"
LABELS = 10
SIZE = 224
TIMEOUT_S = 300
GOAL = 0.90


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="the agent against a bare invoke loop")
    parser.add_argument("--model", type=Path, help="model file (default: MobileNetV2 224 int8, made here)")
    parser.add_argument("--video", type=Path, default=VIDEO)
    parser.add_argument("--scores", action="store_true", help="publish the scores of every frame as well")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if not options.video.is_file():
        print(f"skipped: the recording {options.video.name} is not there (see --video)")
        return
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder) / "broker") as broker:
        model = options.model or _mobilenet_v2(Path(folder))
        frames = int(cv2.VideoCapture(str(options.video)).get(cv2.CAP_PROP_FRAME_COUNT))
        pairs = [
            (_bare_loop(model, frames), _agent(model, options, frames, broker)) for _ in range(options.runs)
        ]
    _print_table(options.video, pairs)


def _bare_loop(model: Path, frames: int) -> float:
    command = [sys.executable, "-m", "benchmarks.bare_loop", str(model), str(frames)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Observer:
    """Notes when the agent's camera came and went; it does little, so as not to compete with the agent."""

    def __init__(self, port: int, device: str) -> None:
        self.times: dict[bytes, float] = {}
        self.ended = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"edge/{device}/video/availability", qos=1)
        self._client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.times.setdefault(message.payload, time.perf_counter())
        if message.payload == b"offline":
            self.ended.set()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


_runs = itertools.count()


def _agent(model: Path, options: argparse.Namespace, frames: int, broker: Mosquitto) -> float:
    """Frames per second between the camera's `online` and its `offline`, as a subscriber sees it."""
    device = f"bench{next(_runs)}"
    observer = Observer(broker.port, device)
    command = [sys.executable, "-m", "edge", "--camera", f"video={options.video}", "--model", str(model)]
    command += ["--broker", broker.url, "--device-id", device, "--frames", str(frames), "--no-gate"]
    command += ["--scores"] if options.scores else []
    if model.with_suffix(".txt").is_file():
        command += ["--labels", str(model.with_suffix(".txt"))]
    with tempfile.TemporaryDirectory() as state:
        environment = os.environ | {"STATE_DIRECTORY": state}
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment, timeout=TIMEOUT_S)
    observer.ended.wait(10)
    observer.close()
    return frames / (observer.times[b"offline"] - observer.times[b"online"])


def _mobilenet_v2(folder: Path) -> Path:
    """An int8 MobileNetV2 with untrained weights, which do not matter for speed; its labels lie beside it."""
    from training.backbones.registry import build_trunk
    from training.convert import to_uint8
    from training.libraries import keras

    trunk = build_trunk("mobilenet_v2", SIZE)
    network = keras().Model(trunk.input, keras().layers.Dense(LABELS, activation="softmax")(trunk.output))
    pixels = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8)
    pixels[0], pixels[1] = 0, 255
    model = folder / "mobilenet_v2.tflite"
    model.write_bytes(to_uint8(network, pixels))
    model.with_suffix(".txt").write_text("".join(f"label {number}\n" for number in range(LABELS)))
    return model


def _print_table(video: Path, pairs: list[tuple[float, float]]) -> None:
    bare, agent = zip(*pairs, strict=True)
    ratios = [b / a for a, b in pairs]
    print(f"{platform.machine()}, Python {platform.python_version()}, {video.name}, {len(pairs)} pairs")
    for name, values, form in (
        ("bare invoke loop", bare, "8.1f"),
        ("edge-agent", agent, "8.1f"),
        ("ratio", ratios, "8.3f"),
    ):
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:18}{middle:{form}}   ({low:.3f} to {high:.3f})")
    reached = statistics.median(ratios) >= GOAL
    print(f"goal: at least {GOAL:.2f} of the bare loop: {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
