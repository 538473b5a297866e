"""The clock of a whole machine is set back by an hour under a running agent, and forward again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults.listener import Listener, faults_of, missing
from tests.faults.outcome import Fault, Outcome
from tests.guest.image import need_machine, payload
from tests.guest.machine import Machine
from tests.support.brokers.mosquitto import Mosquitto

STEP_S = 3600
MORE, WITHIN_S = 20, 400.0  # events that show that things go on
CAMERAS = ("--camera", "cam=test://?fps=20&size=128x8", "--camera", "real=usb://vivid")
LOST_SIGHT = ("no_frames", "stale", "frozen")


def run(folder: Path, tries: int) -> Outcome:
    """`tries` times back and forward, with the broker away in between; no event may be lost, no camera be."""
    need_machine()
    trouble: list[str] = []
    image = payload(folder)
    with (
        Mosquitto(folder / "broker", lasting=True) as broker,
        Listener(broker.port) as listener,
        Machine(folder / "machine", image, broker.port) as machine,
    ):
        machine.start_agent(*CAMERAS, "--drain-timeout", 60)
        for number in range(1, tries + 1):
            back, forward = partial(_step, machine, -STEP_S), partial(_step, machine, STEP_S)
            steps: tuple[Callable[[], object], ...] = (back, broker.stop, forward, broker.start)
            for place, step in enumerate(steps, 1):
                if not _goes_on(machine, listener):
                    trouble.append(f"try {number}: no events before step {place}")
                step()
            if not listener.wait_for(_came(listener, _of(machine.events, "cam")[-1]), WITHIN_S):
                trouble.append(f"try {number}: what waited did not come")
        real = [event["unknown_reason"] for event in _of(machine.events, "real")]  # its end is no loss
        trouble += [f"it ended with {status}" for status in (machine.stop_agent(),) if status]
        sent, log = _of(machine.events, "cam"), machine.log
        listener.wait_for(_came(listener, sent[-1]))
        events = _of(listener.events, "cam")
    times = sum(_time_s(earlier) - _time_s(later) > STEP_S / 2 for earlier, later in pairwise(sent))
    trouble += [f"the clock went back {times} times, not {tries}"] if times != tries else []
    trouble += [f"the V4L2 camera: {real}; {log[-300:]}"] if not real or {*real} & {*LOST_SIGHT} else []
    arrived, lost = {event["sequence"] for event in events}, missing(sent, events)
    trouble += faults_of(events)
    return Outcome(FAULT.name, tries, len(sent), len(arrived), len(lost), trouble=tuple(trouble))


def _step(machine: Machine, by_s: int) -> None:
    machine.do(f"date -s @$(($(date +%s) + {by_s}))")


def _goes_on(machine: Machine, listener: Listener) -> bool:
    before = len(machine.events)
    return listener.wait_for(lambda: len(machine.events) >= before + MORE, WITHIN_S)


def _came(listener: Listener, wanted: dict[str, Any]) -> Callable[[], bool]:
    return lambda: not missing([wanted], listener.events)


def _of(events: list[dict[str, Any]], camera: str) -> list[dict[str, Any]]:
    return [event for event in events if event["camera"] == camera]


def _time_s(record: dict[str, Any]) -> float:
    return datetime.fromisoformat(record["timestamp"]).timestamp()


FAULT = Fault("machine-clock", run, tries=5, short_tries=1)
