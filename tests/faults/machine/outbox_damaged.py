"""The file of the waiting events is overwritten with noise: under a running agent, and while none runs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.agents import outbox_file, printed_events, start_agent
from tests.faults.listener import Listener, given_twice, missing
from tests.faults.machine.disks import LEFT, SOON_BACK, said
from tests.faults.outcome import Fault, Outcome
from tests.support.brokers.mosquitto import Mosquitto

FPS = 100
MORE = 100  # events that show that things go on


@dataclass(frozen=True)
class Scene:
    """All that take part; `sent` is what any agent has printed as an event."""

    folder: Path
    broker: Mosquitto
    listener: Listener
    sent: list[dict[str, Any]] = field(default_factory=list)

    def run_agent(self, name: str, meanwhile: Callable[[], None], end: signal.Signals) -> dict[str, bool]:
        """What should hold of an agent, and of its log, when this is done meanwhile."""
        wait_for, before = self.listener.wait_for, self.listener.count
        with start_agent(self.folder, name, self.broker.url, FPS, before=SOON_BACK) as agent:
            held = {"no event came at first": wait_for(lambda: self.listener.count > before)}
            meanwhile()
            so_far = self.listener.count
            held["events stopped coming"] = wait_for(lambda: self.listener.count > so_far + MORE)
            held["it was said more than once"] = said(agent, LEFT) <= 1
            agent.stop(end)
        self.sent.extend(printed_events(agent))
        return {f"{name}: {claim}": true for claim, true in held.items()}


def run(folder: Path, tries: int) -> Outcome:
    """`tries` times each; new events must go on coming, and only what waits in the file may be lost."""
    recovery_s: list[float] = []
    held: dict[str, bool] = {}
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker", lasting=True))
        listener = stack.enter_context(Listener(broker.port))
        scene, outbox = Scene(folder, broker, listener), outbox_file(folder)
        for number in range(tries):
            held |= scene.run_agent(f"damaged{number}", lambda: make_noise(outbox), signal.SIGKILL)
            held |= scene.run_agent(f"after{number}", lambda: None, signal.SIGTERM)
            make_noise(outbox)
            started_s = time.monotonic()
            held |= scene.run_agent(f"stopped{number}", lambda: None, signal.SIGTERM)
            recovery_s.append(time.monotonic() - started_s)
            held[f"after{number}: nothing was put aside"] = outbox.with_suffix(".broken").exists()
        listener.wait_for(lambda: not missing(scene.sent, listener.events))
        arrived = listener.events
    lost = len(missing(scene.sent, arrived))
    trouble = (*(claim for claim, true in held.items() if not true), *given_twice(arrived))
    numbers = {event["sequence"] for event in arrived}
    return Outcome(FAULT.name, tries, len(scene.sent), len(numbers), lost, tuple(recovery_s), trouble)


def make_noise(outbox: Path) -> None:
    """Random bytes in place of all that the file and its journal hold, in the same files."""
    for path in (outbox, outbox.with_name(f"{outbox.name}-wal")):
        if path.exists():
            with path.open("r+b") as file:
                file.write(os.urandom(path.stat().st_size))


FAULT = Fault("outbox-damaged", run, tries=5, short_tries=1)
