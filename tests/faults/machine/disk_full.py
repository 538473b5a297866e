"""The disk fills up while the broker is away, and is emptied again after the broker is back."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.agents import printed_events, start_agent
from tests.faults.listener import Listener, faults_of, missing
from tests.faults.machine.disks import BACK, LEFT, SOON_BACK, fill, said, small_disk, where
from tests.faults.outcome import Fault, Outcome
from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber

FPS = 100
MORE = 20  # events that show that things go on


@dataclass(frozen=True)
class Scene:
    """All that take part."""

    state: Path
    broker: Mosquitto
    listener: Listener
    stats: Subscriber
    agent: EdgeAgent

    def goes_on(self) -> bool:
        """Whether the agent makes more events."""
        before = len(printed_events(self.agent))
        return self.listener.wait_for(lambda: len(printed_events(self.agent)) >= before + MORE)

    def fill_and_empty(self, number: int) -> tuple[dict[str, bool], float]:
        """One try: what should hold, and the seconds until events were on disk again."""
        wait_for = self.listener.wait_for
        self.broker.stop()
        ballast = fill(self.state)
        left = wait_for(lambda: said(self.agent, LEFT) >= number)
        held = {"it did not say that the disk is full": left, "it stopped classifying": self.goes_on()}
        self.broker.start()
        made = printed_events(self.agent)[-1]["sequence"]
        held["the events in memory did not come"] = wait_for(lambda: self.listener.last >= made)
        held["the stats do not say it"] = wait_for(lambda: "full" in where(self.stats))
        ballast.unlink()
        started_s = time.monotonic()
        held["it did not go back to disk"] = wait_for(lambda: said(self.agent, BACK) >= number)
        recovery_s = time.monotonic() - started_s
        held["the stats do not say that it is back"] = wait_for(lambda: where(self.stats) == "disk")
        held["it was not said once"] = said(self.agent, LEFT) == number
        return held, recovery_s


def run(folder: Path, tries: int) -> Outcome:
    """`tries` times full; then the agent is killed, to see that events are on disk again."""
    recovery_s: list[float] = []
    trouble: list[str] = []
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(small_disk(folder / "state"))
        broker = stack.enter_context(Mosquitto(folder / "broker", lasting=True))
        listener = stack.enter_context(Listener(broker.port))
        stats = stack.enter_context(Subscriber(broker.port, "edge/+/stats"))
        agent = stack.enter_context(start_agent(folder, "first", broker.url, FPS, before=SOON_BACK))
        scene = Scene(state, broker, listener, stats, agent)
        listener.wait_for(lambda: listener.count > MORE and where(stats) == "disk")
        for number in range(1, tries + 1):
            held, seconds = scene.fill_and_empty(number)
            trouble += [f"try {number}: {claim}" for claim, true in held.items() if not true]
            recovery_s.append(seconds)
        broker.stop()
        scene.goes_on()
        agent.stop(signal.SIGKILL)
        broker.start()
        second = stack.enter_context(start_agent(folder, "second", broker.url, FPS))
        listener.wait_for(lambda: len(printed_events(second)) > MORE)
        second.stop()
        sent = printed_events(agent) + printed_events(second)
        listener.wait_for(lambda: listener.last >= sent[-1]["sequence"])
        arrived = listener.events
    lost, numbers = len(missing(sent, arrived)), {event["sequence"] for event in arrived}
    trouble += faults_of(arrived)
    return Outcome(FAULT.name, tries, len(sent), len(numbers), lost, tuple(recovery_s), tuple(trouble))


FAULT = Fault("disk-full", run, tries=10, short_tries=1)
