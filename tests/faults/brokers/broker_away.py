"""The broker is away while many events queue up, and the agent is started anew before it is back."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.faults.agents import printed_events, start_agent
from tests.faults.listener import Listener, faults_of, missing
from tests.faults.outcome import Fault, Outcome
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber

FAST, SLOW = 1000, 4  # frames a second while events are made, and while they are sent
RATE = 200  # events a second
SLACK = 1.2  # on the rate, for what was held up on the way


def run(folder: Path, count: int) -> Outcome:
    """At least `count` events queued; all must arrive, not faster than the rate, live state before them."""
    with Mosquitto(folder / "broker", lasting=True) as broker, Listener(broker.port) as listener:
        broker.stop()
        with start_agent(folder, "first", broker.url, FAST, rate=RATE, drain_s=0) as first:
            made = listener.wait_for(lambda: first.stdout.count('"changed": true') >= count, 60 + count / 20)
            first.stop()
        before = printed_events(first)
        with start_agent(folder, "second", broker.url, SLOW, rate=RATE) as second:
            second.wait_for_log("unreachable")
            broker.start()
            with Subscriber(broker.port, "edge/+/+/state") as states:
                started_s = time.monotonic()
                states.wait_for(lambda: states.messages, "a state")
                at_first_state = listener.count
                number = json.loads(states.messages[0].payload)["sequence"]
                last = before[-1]["sequence"]
                listener.wait_for(lambda: listener.last > last, 30 + 2 * count / RATE)
            recovery_s = time.monotonic() - started_s
            second.stop()
        sent = before + printed_events(second)
        listener.wait_for(lambda: listener.last >= sent[-1]["sequence"])
        events, arrivals_s = listener.events, listener.arrivals_s
    arrived, lost = {event["sequence"] for event in events}, len(missing(sent, events))
    per_s = _rate(arrivals_s[: len(before)])
    claims = {
        f"only {len(before)} of {count} events were made": made,
        f"{per_s:.0f} events came a second, {RATE} are allowed": per_s <= SLACK * RATE,
        f"the first state was of event {number}, an old one": number > last,
        f"{at_first_state} events came before the first state": at_first_state < count / 2,
    }
    trouble = [claim for claim, held in claims.items() if not held] + faults_of(events)
    note = f"held; {per_s:.0f} events a second, the state after {at_first_state} of them"
    return Outcome(FAULT.name, 1, len(sent), len(arrived), lost, (recovery_s,), tuple(trouble), note)


def _rate(arrivals_s: list[float]) -> float:
    """Events a second of the later half: the listener may have come back after the first ones."""
    later = arrivals_s[len(arrivals_s) // 2 :]
    return (len(later) - 1) / (later[-1] - later[0]) if len(later) > 1 else 0.0


FAULT = Fault("broker-away", run, tries=10_000, short_tries=600)
