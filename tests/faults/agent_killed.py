"""The agent is killed with SIGKILL at random moments and started again."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path
from threading import Event
from typing import Any

from tests.faults.agents import is_whole, outbox_file, printed_events, start_agent
from tests.faults.listener import Listener, faults_of, missing
from tests.faults.outcome import Fault, Outcome
from tests.support.mosquitto import Mosquitto

BACK_WITHIN_S = 40.0
FPS = 200


def run(folder: Path, tries: int) -> Outcome:
    """`tries` kills; what any agent has printed as an event must arrive, and the outbox must stay whole."""
    chance, pause = random.Random(2), Event()
    recovery_s: list[float] = []
    trouble: list[str] = []
    sent: list[dict[str, Any]] = []
    with Mosquitto(folder / "broker") as broker, Listener(broker.port) as listener:
        for number in range(tries + 1):
            before, started_s = listener.count, time.monotonic()
            with start_agent(folder, f"agent{number}", broker.url, FPS) as agent:
                if not listener.wait_for(lambda before=before: listener.count > before, BACK_WITHIN_S):  # type: ignore[misc]
                    said = f"exit code {agent.process.poll()}, {agent.stderr[-500:]!r}"
                    trouble.append(f"no event within {BACK_WITHIN_S:g} s after kill {number} ({said})")
                recovery_s.append(time.monotonic() - started_s)
                pause.wait(chance.uniform(0.0, 1.0))
                if not outbox_file(folder).exists():
                    return Outcome(FAULT.name, number, trouble=("there is no outbox on disk",))
                agent.stop(signal.SIGKILL if number < tries else signal.SIGTERM)
            sent += printed_events(agent)
            copied = shutil.copytree(outbox_file(folder).parent, folder / f"state{number}")
            if not is_whole(copied / outbox_file(folder).name):
                trouble.append(f"the outbox is damaged after kill {number + 1}")
            shutil.rmtree(copied)
        listener.wait_for(lambda: listener.last >= sent[-1]["sequence"])
        events = listener.events
    arrived, lost = {event["sequence"] for event in events}, missing(sent, events)
    trouble += faults_of(events)
    note = f"held; {len(events) - len(arrived)} came twice"
    return Outcome(
        FAULT.name, tries, len(sent), len(arrived), len(lost), tuple(recovery_s[1:]), tuple(trouble), note
    )


FAULT = Fault("agent-killed", run, tries=50, short_tries=4)
