"""The demonstration: real photographs → a model → a recorded stream → labels over MQTT, judged.

The agent runs as a process of its own, as it would on a device. Frames a second are the recording's frames
over the time from the camera's `online` to the arrival of its last message.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import make_config
from training.dataset.split import Split
from training.demo.conveyor import Cell, choose_cells, render
from training.demo.elpv import lay_out_cells
from training.demo.judging import Received, Tally, judge_cell, tally
from training.demo.subscriber import Subscriber
from training.errors import DemoError
from training.progress import Reporter
from training.quantization.acceptance import AcceptanceLimits
from training.quantize import QuantizeOptions, quantize
from training.runs import MODEL, SPLIT, Run, new_name
from training.train import train

HOST, DEVICE, CAMERA = "127.0.0.1", "demo", "line"
FRAME_COUNT, CELL_COUNT = 600, 46
BROKER_TIMEOUT_S, AGENT_TIMEOUT_S, END_TIMEOUT_S = 60.0, 300.0, 15.0
START_AFTER_S = 2.0
# These cells are hard: 0.95 leaves a third of them unanswered (LOG.md).
WANTED_PRECISION = 0.89
# int8 agrees on .91 of these hard cells (LOG.md), and more exact networks take minutes to make.
LIMITS = AcceptanceLimits(min_agreement=0.85)
NOTES = (
    "photographs: elpv-dataset, CC BY-NC-SA 4.0, non-commercial use only; used where pip put them",
    "its cells come from shared modules, so a random split gives too good an accuracy",
)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """work: folder for the recording and the photographs' links. backbone and size as for training."""

    work: Path
    runs_dir: Path
    backbone: str = "efficientnet_lite0"
    size: int = 224
    seed: int = 1


@dataclass(frozen=True, slots=True)
class LabelStream:
    """What came over MQTT: the label changes, and the seconds that the camera was online."""

    received: tuple[Received, ...]
    seconds: float


def run_demo(options: DemoOptions, reporter: Reporter) -> Tally:
    """Run the demonstration; the last note is the result. Raises DemoError and what the stages raise."""
    for note in NOTES:
        reporter.note(note)
    run = _make_model(options, reporter)
    items = choose_cells(run.read_record(SPLIT, Split).test, CELL_COUNT, options.seed)
    video = options.work / "conveyor.avi"
    track = render(video, items, FRAME_COUNT, options.seed, reporter)
    stream = _stream(video, run.path(MODEL), track, reporter)
    counts = tally(track, stream.received)
    speed = FRAME_COUNT / stream.seconds if stream.seconds > 0 else 0.0
    reporter.note(result_line(counts, FRAME_COUNT, speed))
    return counts


def result_line(counts: Tally, frames: int, frames_per_second: float) -> str:
    """The line that says how it went."""
    return (
        f"demo: {frames} frames, {counts.cells} cells: {counts.right} right, {counts.wrong} wrong, "
        f"{counts.unknown} unknown, {frames_per_second:.0f} frames/s"
    )


def _make_model(options: DemoOptions, reporter: Reporter) -> Run:
    photographs = lay_out_cells(options.work / "photographs" / "elpv")
    values = {
        "data": photographs,
        "backbone": options.backbone,
        "size": options.size,
        "seed": options.seed,
    }
    run = train(make_config(values), options.runs_dir, new_name("demo"), reporter)
    quantize(run, QuantizeOptions(LIMITS, target_precision=WANTED_PRECISION), reporter)
    return run


def _stream(video: Path, model: Path, track: Sequence[Cell], reporter: Reporter) -> LabelStream:
    """Run the agent on the recording with a broker of its own, and listen until it is done."""
    port = _free_port()
    topics = [f"edge/{DEVICE}/{CAMERA}/event", f"edge/{DEVICE}/{CAMERA}/availability"]
    reporter.note(f"starting the agent; subscribe with: mosquitto_sub -p {port} -t 'edge/#' -v")
    with (
        _agent(video, model, port) as agent,
        Subscriber(HOST, port, topics, timeout_s=BROKER_TIMEOUT_S) as subscriber,
    ):
        return _listen(subscriber, lambda: agent.poll() is None, track, reporter)


def _listen(
    subscriber: Subscriber, agent_runs: Callable[[], bool], track: Sequence[Cell], reporter: Reporter
) -> LabelStream:
    """Show each label change as it arrives; ends when the camera goes offline or the agent has gone."""
    received: list[Received] = []
    started_s = ended_s = 0.0
    deadline_s = time.monotonic() + AGENT_TIMEOUT_S
    for message in subscriber.messages():
        if time.monotonic() > deadline_s:
            raise DemoError("the agent is not done", f"{AGENT_TIMEOUT_S:g} s passed", "see agent.log")
        if message is None:
            if not agent_runs():
                break
            continue
        if message.topic.endswith("/event"):
            change = _received(message.record())
            if change is not None:
                ended_s = message.received_s
                received.append(change)
                reporter.note(_line(change, track))
        elif message.payload == b"online":
            started_s = started_s or message.received_s
        elif started_s:
            ended_s = message.received_s
            break
    return LabelStream(tuple(received), ended_s - started_s if started_s else 0.0)


def _received(record: dict[str, Any]) -> Received | None:
    """A label change, None where no frame led to it (starting, or no more frames)."""
    if record["frame"] is None:
        return None
    return Received(record["frame"], record["label"], record["confidence"])


def _line(change: Received, track: Sequence[Cell]) -> str:
    cell = next((c for c in track if c.first_frame <= change.frame <= c.last_frame), track[-1])
    said = change.label or "unknown"
    outcome = judge_cell(cell, [change])
    return (
        f"frame {change.frame:3d}  cell {cell.number:2d}  {said:<10} {change.confidence:.2f}  "
        f"is {cell.label:<10} {outcome}"
    )


@contextlib.contextmanager
def _agent(video: Path, model: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The agent as a process; raises DemoError if it failed."""
    log = video.with_name("agent.log")
    arguments = ["--camera", f"{CAMERA}={video}", "--model", str(model), "--broker", f"embedded:{port}"]
    arguments += ["--device-id", DEVICE, "--start-after", str(START_AFTER_S)]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", *arguments], stdout=sink, stderr=subprocess.STDOUT
        )
        try:
            yield process
            code = process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise DemoError("the agent did not end", f"{END_TIMEOUT_S:g} s passed", f"see {log}") from error
        except BaseException as error:
            failed_with = process.poll()
            process.kill()
            process.wait()
            if failed_with:
                raise _agent_failure(failed_with, log) from error
            raise
    if code != 0:
        raise _agent_failure(code, log)


def _agent_failure(code: int, log: Path) -> DemoError:
    last = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    return DemoError(f"the agent ended with status {code}", last, f"see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
