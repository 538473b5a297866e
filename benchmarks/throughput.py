"""Frames per second of the whole agent on a video file, against a bare loop of `invoke()`.

Run: make bench, or python -m benchmarks.throughput [--model FILE] [--runs 5]
The agent publishes to a real Mosquitto over loopback, scores of every frame included. Both are processes
of their own and take turns; what counts is the ratio of each pair.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tests.support.mosquitto import Mosquitto, running_mosquitto
from tests.support.subscriber import Subscriber

VIDEO = Path(__file__).parents[2] / "shared" / "media" / "one-by-one-person-detection.mp4"
LABELS = 10
SIZE = 224
AGENT_TIMEOUT_S = 300
GOAL = 0.90


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="the agent against a bare invoke loop")
    parser.add_argument("--model", type=Path, help="model file (default: MobileNetV2 224 int8, made here)")
    parser.add_argument("--video", type=Path, default=VIDEO)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if not options.video.is_file():
        print(f"skipped: the recording {options.video.name} is not there (see --video)")
        return
    with tempfile.TemporaryDirectory() as folder, running_mosquitto(Path(folder)) as broker:
        model = options.model or _mobilenet_v2(Path(folder))
        pairs = [_pair(model, options.video, broker) for _ in range(options.runs)]
    _print_table(options.video, pairs)


def _pair(model: Path, video: Path, broker: Mosquitto) -> tuple[float, float]:
    agent_fps, frames = _agent(model, video, broker)
    return _bare_loop(model, frames), agent_fps


def _bare_loop(model: Path, frames: int) -> float:
    command = [sys.executable, "-m", "benchmarks.bare_loop", str(model), str(frames)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


_runs = itertools.count()


def _agent(model: Path, video: Path, broker: Mosquitto) -> tuple[float, int]:
    """Frames per second between the camera's `online` and `offline`, as a subscriber sees it, and frames."""
    device = f"bench{next(_runs)}"
    seen: dict[bytes, float] = {}
    with Subscriber(broker.port, f"edge/{device}/#") as subscriber:
        command = [
            sys.executable,
            "-m",
            "edge",
            "--camera",
            f"video={video}",
            "--model",
            str(model),
            "--scores",
        ]
        if model.with_suffix(".txt").is_file():
            command += ["--labels", str(model.with_suffix(".txt"))]
        command += ["--broker", f"mqtt://127.0.0.1:{broker.port}", "--device-id", device]
        with tempfile.TemporaryDirectory() as state:
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={"STATE_DIRECTORY": state})
            for state_word in (b"online", b"offline"):
                subscriber.wait_for(
                    lambda m, word=state_word: m.topic.endswith("/video/availability") and m.payload == word,
                    AGENT_TIMEOUT_S,
                )
                seen[state_word] = time.perf_counter()
            if process.wait(AGENT_TIMEOUT_S) != 0:
                raise SystemExit("the agent failed")
        frames = sum(message.topic.endswith("/scores") for message in subscriber.messages)
    return frames / (seen[b"offline"] - seen[b"online"]), frames


def _mobilenet_v2(folder: Path) -> Path:
    """An int8 MobileNetV2 with untrained weights, which do not matter for speed; its labels lie beside it."""
    from training.backbones import build_trunk, find_backbone
    from training.convert import to_uint8
    from training.libraries import keras

    trunk = build_trunk("mobilenet_v2", SIZE, find_backbone("mobilenet_v2").normalisation)
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
