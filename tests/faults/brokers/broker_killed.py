"""The broker is killed and started again at random moments, while labels change.

What a killed broker has acknowledged and not passed on is lost by it; a relay before it knows such events.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from threading import Event

from tests.faults.agents import printed_events, start_agent
from tests.faults.listener import Listener, faults_of, missing
from tests.faults.outcome import Fault, Outcome
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.tap import Tap

BACK_WITHIN_S = 40.0
# what it took, it keeps and passes on as well as it can
CAREFUL = ("autosave_on_changes true", "autosave_interval 1", "max_inflight_messages 0")
FPS, SLOW = 200, 4  # the broker, saving all at once, takes about a hundred messages a second


def run(folder: Path, tries: int) -> Outcome:
    """`tries` kills; every event must arrive, in order."""
    chance, pause = random.Random(1), Event()
    recovery_s: list[float] = []
    trouble: list[str] = []
    with (
        Mosquitto(folder / "broker", lasting=True, options=CAREFUL) as broker,
        Tap(broker.port) as tap,
        Listener(broker.port) as listener,
        start_agent(folder, "agent", tap.url, FPS) as agent,
    ):
        if not listener.wait_for(lambda: listener.count > 10):
            trouble.append("no events before the first kill")
        for number in range(tries):
            pause.wait(chance.uniform(0.2, 2.0))
            broker.kill()
            pause.wait(chance.uniform(0.0, 1.5))
            before = listener.count
            broker.start()
            started_s = time.monotonic()
            if listener.wait_for(lambda before=before: listener.count > before, BACK_WITHIN_S):  # type: ignore[misc]
                recovery_s.append(time.monotonic() - started_s)
            else:
                trouble.append(f"no event within {BACK_WITHIN_S:g} s after kill {number + 1}")
        agent.stop()
        sent = printed_events(agent)
        with start_agent(folder, "last", tap.url, SLOW) as last:  # sends what still waits
            listener.wait_for(lambda: listener.last > sent[-1]["sequence"])
            last.stop()
        sent += printed_events(last)
        listener.wait_for(lambda: listener.last >= sent[-1]["sequence"])
        events, acknowledged = listener.events, _numbers(tap.acknowledged)
    arrived = {event["sequence"] for event in events}
    absent = {event["sequence"] for event in missing(sent, events)}
    lost = absent - acknowledged
    trouble += faults_of(events, absent - lost)
    note = f"held; {len(events) - len(arrived)} came twice, {len(absent - lost)} lost by the broker"
    return Outcome(
        FAULT.name, tries, len(sent), len(arrived), len(lost), tuple(recovery_s), tuple(trouble), note
    )


def _numbers(messages: list[tuple[str, bytes]]) -> set[int]:
    """The numbers of the events among these messages."""
    return {json.loads(payload)["sequence"] for topic, payload in messages if topic.endswith("/event")}


FAULT = Fault("broker-killed", run, tries=20, short_tries=3)
