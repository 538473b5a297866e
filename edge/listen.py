"""`edge-agent listen`: the decisions of all devices, as a subscriber sees them."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

from edge.broker import KEEPALIVE_S, BrokerAddress, new_client, reason
from edge.errors import BrokerUnavailableError

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
    Raises BrokerUnavailableError if the broker can't be reached or refuses the login.
    """
    arrived: queue.Queue[bytes | BrokerUnavailableError] = queue.Queue(maxsize=10_000)
    client = _subscriber(address, f"{prefix}/+/+/", arrived)
    client.loop_start()
    last_sequence: dict[tuple[str, str], int] = {}
    try:
        while not stopped():
            record = _next_record(arrived)
            if record is None:
                continue
            key, sequence = (record["device"], record["camera"]), record["sequence"]
            if last_sequence.get(key) != sequence:
                last_sequence[key] = sequence
                yield record
    finally:
        client.disconnect()
        client.loop_stop()


def _subscriber(address: BrokerAddress, cameras: str, arrived: queue.Queue[Any]) -> Any:
    what = f"can't listen at the broker {address.shown}"
    client = new_client(address, client_id="", reconnect=True)

    def on_connect(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            arrived.put(BrokerUnavailableError(what, str(code).lower(), "check the user and the password"))
        client.subscribe([(cameras + "state", 1), (cameras + "event", 1)])

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        if message.retain or message.topic.endswith("/event"):
            arrived.put(message.payload)

    client.on_connect, client.on_message = on_connect, on_message
    try:
        client.connect(address.host, address.port, KEEPALIVE_S)
    except (OSError, ValueError) as error:
        raise BrokerUnavailableError(what, reason(error), "start it, or check the address") from error
    return client


def _next_record(arrived: queue.Queue[bytes | BrokerUnavailableError]) -> dict[str, Any] | None:
    try:
        payload = arrived.get(timeout=0.2)
    except queue.Empty:
        return None
    if isinstance(payload, BrokerUnavailableError):
        raise payload
    try:
        record = json.loads(payload)
        known = "label" in record and all(isinstance(record.get(key), kind) for key, kind in NEEDED.items())
    except (ValueError, TypeError, AttributeError):
        return None  # somebody else's message on our topic
    return record if known else None
