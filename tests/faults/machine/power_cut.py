"""A machine's power is cut while it writes events: memory is gone, and what the disk had in its cache."""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.faults.listener import Listener, faults_of, given_twice, missing
from tests.faults.outcome import Fault, Outcome
from tests.guest.disk import Disk
from tests.guest.image import make_disk, need_machine, payload
from tests.guest.machine import Machine
from tests.guest.remains import remains
from tests.support.brokers.mosquitto import Mosquitto

CAMERA = "cam=test://?fps=40&size=128x8"
OUTBOX = "outbox-guest.sqlite"
BACK_WITHIN_S = 400.0
LOOKS = 150  # a boot: what a cut at this moment would leave is read from a copy of the disk
MOST_PAUSE_S = 0.5


@dataclass
class Scene:
    """All that take part, and what came of it."""

    folder: Path
    image: Path
    disk: Disk
    broker: Mosquitto
    listener: Listener
    chance: random.Random = field(default_factory=lambda: random.Random(3))
    sent: list[dict[str, Any]] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    looks: int = 0
    at_stake: int = 0

    def boot(self, number: int, *, last: bool) -> None:
        """From power to its cut; the `last` one ends well."""
        with Machine(self.folder / f"boot{number}", self.image, self.broker.port, self.disk) as machine:
            machine.start_agent("--camera", CAMERA, "--drain-timeout", 60)
            self.recovery_s.append(self._until_back(machine))
            if last and machine.stop_agent():
                self.trouble.append(f"the agent did not end well: {machine.log[-300:]}")
            if not last:
                self._look_and_cut(machine, away=number % 2 == 1)
            self.sent += machine.events
        self.disk.lose_power(self.chance)

    def _until_back(self, machine: Machine) -> float:
        """Wait until the first new event has arrived, behind all that waited; seconds since power."""

        def is_back() -> bool:
            events = machine.events
            return bool(events) and not missing(events[:1], self.listener.events)

        if not self.listener.wait_for(is_back, BACK_WITHIN_S):
            pytest.fail(f"no new event arrived within {BACK_WITHIN_S:g} s: {machine.log[-300:]}")
        return time.monotonic() - machine.started_s

    def _look_and_cut(self, machine: Machine, *, away: bool) -> None:
        """Look at random moments, half of them with the broker away; it is `away` for the cut, or back."""
        if away:
            self._look_often(machine)
        with self._broker_away():
            self._look_often(machine)
            if away:
                machine.cut_power()
        if not away:
            self._look_often(machine)
            machine.cut_power()

    @contextlib.contextmanager
    def _broker_away(self) -> Iterator[None]:
        self.broker.stop()
        yield
        self.broker.start()

    def _look_often(self, machine: Machine) -> None:
        for _ in range(LOOKS // 2):
            Event().wait(self.chance.uniform(0.0, MOST_PAUSE_S))
            self.trouble += self._look(machine)

    def _look(self, machine: Machine) -> Iterator[str]:
        """What would be wrong after a cut at this moment."""
        self.looks += 1
        printed, received = self.sent + machine.events, self.listener.events
        image = self.folder / f"look{self.looks}.img"
        self.at_stake += self.disk.copy_after_power_cut(image, self.chance) > 0
        left = remains(image, OUTBOX)
        image.unlink()
        shutil.rmtree(image.with_suffix(".files"))
        highest = max(event["sequence"] for event in printed + received)
        if not left.whole:
            yield f"look {self.looks}: the outbox is damaged"
        if left.last < highest:
            yield f"look {self.looks}: numbers from {left.last + 1} to {highest} would be given again"
        if lost := missing(printed, left.waiting + self.listener.events):
            yield f"look {self.looks}: {len(lost)} events would be lost"
        yield from given_twice([*printed, *received, *left.waiting])


def run(folder: Path, tries: int) -> Outcome:
    """`tries` cuts, with looks before each; what was ever printed must arrive, once or more, as it was."""
    need_machine()
    image = payload(folder)
    with (
        Disk(make_disk(folder / "state.img", 32)) as disk,
        Mosquitto(folder / "broker", lasting=True) as broker,
        Listener(broker.port) as listener,
    ):
        scene = Scene(folder, image, disk, broker, listener)
        for number in range(tries + 1):
            scene.boot(number, last=number == tries)
        sent = scene.sent
        listener.wait_for(lambda: listener.last >= sent[-1]["sequence"])
        events = listener.events
    arrived, lost = {event["sequence"] for event in events}, missing(sent, events)
    trouble = scene.trouble + faults_of(events) + given_twice(sent)
    looks = f"{scene.looks} looks in between ({scene.at_stake} with writes in the disk's cache)"
    note = f"held, also in {looks}; {len(events) - len(arrived)} came twice"
    recovery_s = tuple(scene.recovery_s[1:])
    return Outcome(FAULT.name, tries, len(sent), len(arrived), len(lost), recovery_s, tuple(trouble), note)


FAULT = Fault("power-cut", run, tries=5, short_tries=1)
