"""The agent is killed with SIGKILL at random moments, also in the middle of its start, and started again."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path
from threading import Event
from typing import Any

from tests.faults.agents import is_whole, outbox_file, printed_events, start_agent, waiting_events
from tests.faults.listener import Listener, faults_of, missing
from tests.faults.outcome import Fault, Outcome
from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.mosquitto import Mosquitto

BACK_WITHIN_S = 40.0
FPS = 200
EARLY = 4  # each fourth is not waited for, and killed while it starts


def run(folder: Path, tries: int) -> Outcome:
    """`tries` kills; what any agent has printed as an event must arrive, and the outbox must stay whole."""
    chance, pause = random.Random(2), Event()
    recovery_s: list[float] = []
    trouble: list[str] = []
    sent: list[dict[str, Any]] = []
    with Mosquitto(folder / "broker") as broker, Listener(broker.port) as listener:
        for number in range(tries + 1):
            started_s = time.monotonic()
            with start_agent(folder, f"agent{number}", broker.url, FPS) as agent:
                if number == tries or (number + 1) % EARLY:
                    trouble += _unheard(agent, listener, number)
                    recovery_s.append(time.monotonic() - started_s)
                pause.wait(chance.uniform(0.0, 1.0))
                agent.stop(signal.SIGKILL if number < tries else signal.SIGTERM)
            sent += printed_events(agent)
            trouble += _damage(folder, number)
        listener.wait_for(lambda: listener.last >= sent[-1]["sequence"])
        events = listener.events
    arrived, lost = {event["sequence"] for event in events}, missing(sent, events)
    trouble += faults_of(events) + _whereabouts(lost, folder)
    note = f"held; {len(events) - len(arrived)} came twice"
    return Outcome(
        FAULT.name, tries, len(sent), len(arrived), len(lost), tuple(recovery_s), tuple(trouble), note
    )


def _unheard(agent: EdgeAgent, listener: Listener, number: int) -> list[str]:
    """Wait for an event of this agent (one of the last may still be on its way); a sentence if none comes."""

    def heard() -> bool:
        own = printed_events(agent)
        return bool(own) and listener.last >= own[0]["sequence"]

    if listener.wait_for(heard, BACK_WITHIN_S):
        return []
    said = f"exit code {agent.process.poll()}, {agent.stderr[-500:]!r}"
    return [f"no event within {BACK_WITHIN_S:g} s after kill {number} ({said})"]


def _damage(folder: Path, number: int) -> list[str]:
    """One sentence if the outbox that a killed agent leaves is not whole, or not there."""
    if not outbox_file(folder).exists():
        return [f"there is no outbox on disk after kill {number + 1}"]
    copied = shutil.copytree(outbox_file(folder).parent, folder / f"state{number}")
    whole = is_whole(copied / outbox_file(folder).name)
    shutil.rmtree(copied)
    return [] if whole else [f"the outbox is damaged after kill {number + 1}"]


def _whereabouts(lost: list[dict[str, Any]], folder: Path) -> list[str]:
    """One sentence if events have not arrived: are they gone, or do they still wait?"""
    waiting = waiting_events(outbox_file(folder))
    still = [event for event in lost if event["sequence"] in waiting]
    return [f"{len(lost)} events did not arrive; {len(still)} of them wait in the outbox"] if lost else []


FAULT = Fault("agent-killed", run, tries=50, short_tries=4)
