"""The agent is started on a disk that is read-only and holds events; later the disk can be written again."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.agents import printed_events, start_agent
from tests.faults.listener import Listener, given_twice, missing
from tests.faults.machine.disks import BACK, LEFT, SOON_BACK, remount, said, small_disk, where
from tests.faults.outcome import Fault, Outcome
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber

FPS = 40
MORE = 10  # events that show that things go on


@dataclass(frozen=True)
class Scene:
    """All that take part; `sent` is what any agent has printed as an event."""

    folder: Path
    state: Path
    broker: Mosquitto
    listener: Listener
    stats: Subscriber
    sent: list[dict[str, Any]] = field(default_factory=list)

    def leave_events(self, name: str) -> None:
        """Events of a time without a broker, by an agent that is killed."""
        self.broker.stop()
        with start_agent(self.folder, name, self.broker.url, FPS) as agent:
            self.listener.wait_for(lambda: len(printed_events(agent)) > MORE)
            agent.stop(signal.SIGKILL)
        self.sent.extend(printed_events(agent))

    def run_read_only(self, name: str) -> tuple[dict[str, bool], float]:
        """What should hold of an agent that can't write, then can; the seconds until events were on disk."""
        wait_for, before = self.listener.wait_for, self.listener.count
        remount(self.state, "ro")
        self.broker.start()
        with start_agent(self.folder, name, self.broker.url, FPS, before=SOON_BACK) as agent:
            held = {
                "no events came": wait_for(lambda: self.listener.count > before + MORE),
                "the stats do not say it": wait_for(lambda: where(self.stats).startswith("memory: ")),
            }
            remount(self.state, "rw")
            started_s = time.monotonic()
            held["it did not go back to disk"] = wait_for(lambda: said(agent, BACK))
            recovery_s = time.monotonic() - started_s
            held["it was not said once"] = said(agent, LEFT) == 1
            held["it did not end well"] = agent.stop() == 0
        self.sent.extend(printed_events(agent))
        wait_for(lambda: not missing(self.sent, self.listener.events))
        return held, recovery_s


def run(folder: Path, tries: int) -> Outcome:
    """`tries` times; the events of before must come too, and no number may be given twice."""
    recovery_s: list[float] = []
    trouble: list[str] = []
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(small_disk(folder / "state"))
        broker = stack.enter_context(Mosquitto(folder / "broker", lasting=True))
        listener = stack.enter_context(Listener(broker.port))
        stats = stack.enter_context(Subscriber(broker.port, "edge/+/stats"))
        scene = Scene(folder, state, broker, listener, stats)
        for number in range(tries):
            scene.leave_events(f"before{number}")
            held, seconds = scene.run_read_only(f"agent{number}")
            trouble += [f"try {number + 1}: {claim}" for claim, true in held.items() if not true]
            recovery_s.append(seconds)
        arrived = listener.events
    lost, trouble = len(missing(scene.sent, arrived)), [*trouble, *given_twice(arrived)]
    numbers = {event["sequence"] for event in arrived}
    return Outcome(FAULT.name, tries, len(scene.sent), len(numbers), lost, tuple(recovery_s), tuple(trouble))


FAULT = Fault("disk-read-only", run, tries=5, short_tries=1)
