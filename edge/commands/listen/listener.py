"""`edge-agent listen`: the decisions of all devices, as a subscriber sees them."""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks, Login
from edge.records import Message

# How late Ctrl-C may be noticed.
POLL_S = 0.2

NEEDED: dict[str, type | tuple[type, ...]] = {
    "device": str,
    "camera": str,
    "timestamp": str,
    "sequence": int,
    "confidence": (int, float),
}


def decisions(address: BrokerAddress, prefix: str, stopped: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Each change of what any camera sees, beginning with what each sees now.

    Reads the retained states, then the events: states alone would leave out what changed while the agent
    had no connection.
    Raises BrokerUnavailableError if the broker can't be reached or refuses the login at the start.
    """
    arrived: queue.Queue[bytes] = queue.Queue(maxsize=10_000)
    connection = _subscriber(address, f"{prefix}/+/+/", arrived)
    connection.start()
    last_sequence: dict[tuple[str, str], int] = {}
    try:
        _wait_for_login(connection, stopped)
        while not stopped():
            record = _next_record(arrived)
            if record is None:
                continue
            key, sequence = (record["device"], record["camera"]), record["sequence"]
            if last_sequence.get(key) != sequence:
                last_sequence[key] = sequence
                yield record
    finally:
        connection.stop()


def _subscriber(address: BrokerAddress, cameras: str, arrived: queue.Queue[bytes]) -> BrokerConnection:
    def on_message(message: Message) -> None:
        if message.retain or message.topic.endswith("/event"):
            with contextlib.suppress(queue.Full):  # nobody reads what we print: the newest are dropped
                arrived.put_nowait(message.payload)

    callbacks = ConnectionCallbacks(on_message=on_message)
    connection = BrokerConnection(Login(address, ""), callbacks)
    for leaf in ("state", "event"):
        connection.subscribe(cameras + leaf)
    return connection


def _wait_for_login(connection: BrokerConnection, stopped: Callable[[], bool]) -> None:
    """Until we are in; the first attempt must succeed, a connection lost later is awaited."""
    while not stopped() and not connection.wait_until_tried(POLL_S):
        pass
    if not stopped() and not connection.connected:
        raise connection.report.unavailable(f"can't listen at the broker {connection.address.shown}")


def _next_record(arrived: queue.Queue[bytes]) -> dict[str, Any] | None:
    try:
        payload = arrived.get(timeout=POLL_S)
    except queue.Empty:
        return None
    try:
        record = json.loads(payload)
        known = "label" in record and all(isinstance(record.get(key), kind) for key, kind in NEEDED.items())
    except (ValueError, TypeError, AttributeError):
        return None  # somebody else's message on our topic
    return record if known else None
