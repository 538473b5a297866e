"""A subscriber that never forgets: it keeps every event of one agent and says which are missing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.tools import PATIENCE_S


class Listener:
    """Subscribes to all events with a lasting session, and subscribes again whenever the broker is back."""

    def __init__(self, port: int, prefix: str = "edge") -> None:
        self._port, self._topic = port, f"{prefix}/+/+/event"
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self.arrivals_s: list[float] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that has come so far, in the order in which it came."""
        with self._lock:
            return list(self._events)

    @property
    def count(self) -> int:
        """How many have come."""
        with self._lock:
            return len(self._events)

    @property
    def last(self) -> int:
        """The number of the event that came last, 0 before the first."""
        with self._lock:
            return int(self._events[-1]["sequence"]) if self._events else 0

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> bool:
        """Wait for a condition; whether it came true in time."""
        deadline_s = time.monotonic() + timeout_s
        pause = threading.Event()
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            pause.wait(0.02)
        return True

    def __enter__(self) -> Listener:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._subscribed.wait(10)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with self._lock:
            self._events.append(json.loads(message.payload))
            self.arrivals_s.append(time.monotonic())


def faults_of(events: list[dict[str, Any]], excused: Collection[int] = ()) -> list[str]:
    """What is wrong with the events of one camera: gaps that are not excused, order, a number for two events.

    An event may come again, with all that came after it, as it was: then it counts once.
    """
    trouble: list[str] = []
    known: dict[int, dict[str, Any]] = {}
    last = 0
    for event in events:
        number = event["sequence"]
        if number in known and known[number] != event:
            trouble.append(f"number {number} was given to two events")
        elif number not in known and (number < last or not _excused(range(last + 1, number), excused)):
            trouble.append(f"after {last} came {number}")
        if number not in known:
            last = number
        known.setdefault(number, event)
    return trouble


def _excused(numbers: range, excused: Collection[int]) -> bool:
    return all(number in excused for number in numbers)


def missing(sent: Sequence[dict[str, Any]], arrived: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events that have not come as they were printed."""
    known = {(event["sequence"], event["timestamp"]) for event in arrived}
    return [event for event in sent if (event["sequence"], event["timestamp"]) not in known]


def given_twice(events: Sequence[dict[str, Any]]) -> list[str]:
    """One sentence if a number was given to two events."""
    known: dict[int, str] = {}
    twice = sum(
        known.setdefault(event["sequence"], event["timestamp"]) != event["timestamp"] for event in events
    )
    return [f"{twice} numbers were given to two events"] if twice else []
