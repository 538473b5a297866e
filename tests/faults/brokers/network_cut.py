"""The network is cut and nobody is told: the keep-alive must notice, and every event arrive in its place."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.outcome import Fault, Outcome
from tests.support.agents.command_line import EdgeAgent
from tests.support.agents.network import Network
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import free_port, wait_until

NAME = "network-cut"
GOLDEN = Path(__file__).parents[2] / "golden" / "colours.tflite"
KEEPALIVE_S = 1
# One frame a decision, so that there are events enough to lose.
SETTINGS = f"[decision]\nwindow = 1\nhysteresis = 0.0\n\n[broker]\nkeepalive = {KEEPALIVE_S}\n"
CONNECTED = "connected, MQTT 5"
LOST = "connection lost (keep alive timeout)"


def run(folder: Path, tries: int) -> Outcome:
    """Cut the network `tries` times, every other time for long, and count what arrives."""
    (folder / "agent.toml").write_text(SETTINGS)
    port = free_port()
    with (
        Network() as network,
        Mosquitto(folder / "broker", options=[f"listener {port} {network.host}"]) as broker,
        Subscriber(broker.port, "edge/pi/cam/event") as subscriber,
    ):
        arguments = ("--camera", "cam=test://?size=64x48&fps=30", "--model", GOLDEN, "--device-id", "pi")
        url = f"mqtt://{network.host}:{port}"
        # --debug, for else the log is spared after ten warnings of one kind
        with EdgeAgent(folder, *arguments, "--broker", url, "--debug", prefix=network.inside) as agent:
            subscriber.wait_for(lambda: len(subscriber.messages) > 3, "the agent at work")
            rounds = [_cut_once(network, agent, subscriber, long=n % 2 == 0) for n in range(tries)]
            code = agent.stop()
    return _outcome(tries, rounds, [event["sequence"] for event in subscriber.events()], code)


def _cut_once(
    network: Network, agent: EdgeAgent, subscriber: Subscriber, *, long: bool
) -> tuple[float, float]:
    """How long it took to notice, and to have events arrive again, in seconds.

    The cut lasts until the agent has noticed, or (`long`) until it has tried to connect again in vain.
    """
    noticed, failed, logins = (agent.stderr.count(text) for text in (LOST, "unreachable", CONNECTED))
    with network.cut():
        cut_s = time.monotonic()
        wait_until(lambda: agent.stderr.count(LOST) > noticed, "the agent's notice")
        noticed_s = time.monotonic() - cut_s
        if long:
            wait_until(lambda: agent.stderr.count("unreachable") > failed, "an attempt in vain")
    mended_s = time.monotonic()
    # What the kernel still had to send of the old connection arrives by itself: that is no recovery.
    wait_until(lambda: agent.stderr.count(CONNECTED) > logins, "another login")
    arrived = len(subscriber.messages)
    subscriber.wait_for(lambda: len(subscriber.messages) > arrived, "an event after the cut")
    recovered_s = time.monotonic() - mended_s
    last = len(subscriber.messages)
    subscriber.wait_for(lambda: len(subscriber.messages) > last + 3, "more events")
    return noticed_s, recovered_s


def _outcome(tries: int, rounds: list[tuple[float, float]], sequences: list[int], code: int) -> Outcome:
    first_seen = list(dict.fromkeys(sequences))
    sent = max(sequences)
    lost = sent - min(sequences) + 1 - len(first_seen)
    slowest_s = max(noticed_s for noticed_s, _ in rounds)
    limit_s = 3 * KEEPALIVE_S + 1  # twice the keep-alive, and what paho takes to look
    findings = {
        f"{lost} events are missing": lost != 0,
        "the events changed places": first_seen != sorted(first_seen),
        f"a cut was noticed only after {slowest_s:.1f} s": slowest_s > limit_s,
        f"the agent ended with {code}": code != 0,
    }
    repeated = len(sequences) - len(first_seen)
    return Outcome(
        NAME,
        tries,
        sent=sent,
        received=len(first_seen),
        lost=lost,
        recovery_s=tuple(recovered_s for _, recovered_s in rounds),
        trouble=tuple(text for text, found in findings.items() if found),
        note=f"held; noticed in {slowest_s:.1f} s at most, {repeated} events twice",
    )


FAULT = Fault(NAME, run, tries=20, short_tries=1)
