"""Photographs → int8 model → camera stream → labels on MQTT: the commands that people type, for real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.models.photographs import CLASSES, draw, write_photographs
from tests.support.tools import need_program

RESULT_LINE = re.compile(
    r"^demo: 600 frames, 46 cells: (\d+) right, (\d+) wrong, (\d+) unknown, \d+ frames/s$"
)


def edge_train(folder: Path, *arguments: str, timeout_s: float = 1200) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *arguments]
    cache = {"EDGE_TRAIN_CACHE": str(folder / "cache")}  # neither used nor filled is the user's
    environment = {**os.environ, **cache, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with runs/latest/model.tflite, made by the two commands."""
    folder = tmp_path_factory.mktemp("workstation")
    write_photographs(folder / "photos", 24)
    for command in (["train", "photos", "--backbone", "mobilenet_v2", "--size", "96"], ["quantize"]):
        done = edge_train(folder, *command)
        assert done.returncode == 0, done.stderr
    return folder


def recording(path: Path, seconds: int = 3, fps: int = 10) -> Path:
    """One kind of picture after the other, each for some seconds."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (128, 96))
    rng = np.random.default_rng(3)
    for kind in CLASSES:
        picture = cv2.resize(draw(kind, rng), (128, 96))
        for _ in range(seconds * fps):
            writer.write(picture)
    writer.release()
    return path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


def test_mosquitto_sub_shows_the_labels_of_a_video(trained: Path, tmp_path: Path, broker: Mosquitto) -> None:
    video = recording(tmp_path / "clip.mp4")
    # A retained message is the sign that the subscription stands.
    publish = [need_program("mosquitto_pub"), "-p", str(broker.port), "-t", "edge/sign", "-m", "here", "-r"]
    subprocess.run(publish, check=True)
    subscriber = subprocess.Popen(
        [need_program("mosquitto_sub"), "-p", str(broker.port), "-t", "edge/#", "-v"],
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    subscribed, ended = threading.Event(), threading.Event()

    def read() -> None:
        assert subscriber.stdout is not None
        with subscriber.stdout:
            for line in subscriber.stdout:
                lines.append(line)
                if line.strip() == "edge/sign here":
                    subscribed.set()
                if line.strip() == "edge/bench/availability offline":
                    ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert subscribed.wait(60)
        model = trained / "runs" / "latest" / "model.tflite"
        arguments = ["--camera", video, "--model", model, "--broker", broker.url, "--device-id", "bench"]
        with EdgeAgent(tmp_path, *arguments) as agent:
            assert agent.wait() == 0, agent.stderr
        assert ended.wait(60)
    finally:
        subscriber.terminate()
        subscriber.wait(60)
        reader.join(60)
    labels = [line.split()[1] for line in lines if line.startswith("edge/bench/clip/label ")]
    assert [label for label in labels if label != "unknown"] == list(CLASSES)


def test_what_was_trained_is_what_runs(trained: Path, tmp_path: Path) -> None:
    split = json.loads((trained / "runs" / "latest" / "split.json").read_text())
    held_out = [Path(item["path"]) for item in split["test"]]
    paths = [path if path.is_absolute() else trained / path for path in held_out]
    model = trained / "runs" / "latest" / "model.tflite"
    with EdgeAgent(tmp_path, "classify", *paths, "--model", model, "--json") as agent:
        assert agent.wait() == 0, agent.stderr
    right = [record["label"] == Path(record["path"]).parent.name for record in agent.records]
    assert len(right) == len(paths)
    assert np.mean(right) >= 0.8


@pytest.mark.proof
def test_the_demonstration_on_real_photographs_passes(tmp_path: Path) -> None:
    done = edge_train(tmp_path, "demo", timeout_s=2400)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    last = done.stdout.strip().splitlines()[-1]
    found = RESULT_LINE.match(last)
    assert found is not None, last
    assert sum(map(int, found.groups())) == 46
