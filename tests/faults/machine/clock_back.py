"""The wall clock goes back by eight days under a running agent, and forward again while events wait.

Events may wait for seven days: an agent that took their age from this clock would throw them away. It goes
wrong for this process only: to set the machine's own would hurt others, and Linux has no name space for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.faults.agents import printed_events, start_agent
from tests.faults.listener import Listener, faults_of, missing
from tests.faults.outcome import Fault, Outcome
from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.mosquitto import Mosquitto

FPS = 100
MORE = 40  # events that show that things go on
WRONG = (
    "import os, time; right = time.time; "
    "time.time = lambda: right() - 8 * 86400 * os.path.exists('clock-is-wrong'); "
    "import edge.publish.outbox.outbox; edge.publish.outbox.outbox.AGEING_S = 0.2; "
)


def run(folder: Path, tries: int) -> Outcome:
    """`tries` times back and forward; no event may be lost, come out of order or count as too old."""
    trouble: list[str] = []
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker", lasting=True))
        listener = stack.enter_context(Listener(broker.port))
        agent = stack.enter_context(start_agent(folder, "agent", broker.url, FPS, before=WRONG))
        wrong = folder / "agent" / "clock-is-wrong"
        for number in range(tries):
            steps = (wrong.touch, broker.stop, wrong.unlink, broker.start)
            for step in steps:
                if not _goes_on(agent, listener):
                    trouble.append(f"try {number + 1}: no events before {step.__name__}")
                step()
            made = printed_events(agent)[-1]["sequence"]
            if not listener.wait_for(_came(listener, made)):
                trouble.append(f"try {number + 1}: what waited did not come")
        trouble += [f"it ended with {status}" for status in (agent.stop(),) if status]
        sent = printed_events(agent)
        listener.wait_for(_came(listener, sent[-1]["sequence"]))
        arrived = listener.events
    back = sum(later["timestamp"] < earlier["timestamp"] for earlier, later in pairwise(sent))
    trouble += [f"the clock went back {back} times, not {tries}"] if back != tries else []
    lost, numbers = len(missing(sent, arrived)), {event["sequence"] for event in arrived}
    trouble += faults_of(arrived)
    return Outcome(FAULT.name, tries, len(sent), len(numbers), lost, trouble=tuple(trouble))


def _goes_on(agent: EdgeAgent, listener: Listener) -> bool:
    before = len(printed_events(agent))
    return listener.wait_for(lambda: len(printed_events(agent)) >= before + MORE)


def _came(listener: Listener, number: int) -> Callable[[], bool]:
    return lambda: listener.last >= number


FAULT = Fault("clock-back", run, tries=5, short_tries=1)
