"""A real V4L2 device is unplugged under the agent, and comes back under another number."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.faults.listener import Listener, faults_of, missing
from tests.faults.outcome import Fault, Outcome
from tests.guest.camera import LABELS, plug_in, show, unplug
from tests.guest.image import need_machine, payload
from tests.guest.machine import Machine
from tests.support.brokers.mosquitto import Mosquitto

WITHIN_S = 400.0
AWAY_S = 15.0  # every other time: by then the delays between two tries have grown
MOST_RECOVERY_S = 20.0
HELD = "ls /proc/$agent/task | wc -l; ls /proc/$agent/fd | wc -l"


def run(folder: Path, tries: int) -> Outcome:
    """`tries` times unplugged; each time that must be said, the device let go, and the new picture judged."""
    need_machine()
    recovery_s: list[float] = []
    image = payload(folder)
    with (
        Mosquitto(folder / "broker", lasting=True) as broker,
        Listener(broker.port) as listener,
        Machine(folder / "machine", image, broker.port) as machine,
    ):
        machine.do(show(0, "red"))
        machine.start_agent("--camera", "cam=usb://vivid", "--drain-timeout", 60)
        _first(machine, 0.0, "red", lambda record: record["label"] == "red")
        before = machine.do(HELD)
        for number in range(1, tries + 1):
            node, label = 3 * (number % 2), LABELS[number % 3]
            unplugged_s = float(machine.do("date +%s.%N"))
            machine.do(unplug(3 - node))
            _first(machine, unplugged_s, "no_frames", lambda record: record["unknown_reason"] == "no_frames")
            Event().wait(AWAY_S * (number % 2))
            back_s = float(machine.do(f"date +%s.%N; {plug_in(node)}"))
            recovery_s.append(_first(machine, back_s, "a picture", _is_judged) - back_s)
            machine.do(show(node, label))
            _first(machine, back_s, label, lambda record, label=label: record["label"] == label)  # type: ignore[misc]
        trouble = _held_more(machine, before)
        trouble += [f"it ended with {status}" for status in (machine.stop_agent(),) if status]
        sent = machine.events
        listener.wait_for(lambda: listener.last >= sent[-1]["sequence"])
        events = listener.events
    trouble += [f"a label came {s:.1f} s after the camera" for s in recovery_s if s > MOST_RECOVERY_S]
    arrived, lost = {event["sequence"] for event in events}, missing(sent, events)
    trouble += faults_of(events)
    return Outcome(FAULT.name, tries, len(sent), len(arrived), len(lost), tuple(recovery_s), tuple(trouble))


def _first(machine: Machine, after_s: float, what: str, fits: Callable[[dict[str, Any]], bool]) -> float:
    """When (the guest's Unix time) the first decision that fits was made after a time; fails if none was."""
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        for record in machine.records:
            if _time_s(record) >= after_s and fits(record):
                return _time_s(record)
        Event().wait(0.2)
    pytest.fail(f"{what} never came; the last: {machine.records[-1:]}; the log: {machine.log[-500:]}")


def _held_more(machine: Machine, before: str) -> list[str]:
    """What is wrong if it has more threads or open files than before."""
    now = machine.do(HELD)
    grew = any(int(new) > int(old) for new, old in zip(now.split(), before.split(), strict=True))
    return [f"threads and descriptors grew from {before.split()} to {now.split()}"] if grew else []


def _is_judged(record: dict[str, Any]) -> bool:
    return record["frame"] is not None


def _time_s(record: dict[str, Any]) -> float:
    return datetime.fromisoformat(record["timestamp"]).timestamp()


FAULT = Fault("camera-unplugged", run, tries=6, short_tries=2)
