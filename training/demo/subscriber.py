"""A plain MQTT subscriber: what any program would do to get the agent's labels."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from training.errors import DemoError

RETRY_S = 0.05
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its topic, its payload, and when it came (monotonic seconds)."""

    topic: str
    payload: bytes
    received_s: float

    def record(self) -> dict[str, Any]:
        """The payload as a JSON object."""
        found: dict[str, Any] = json.loads(self.payload)
        return found


class Subscriber:
    """Connected to a broker and subscribed with QoS 1; a context manager."""

    def __init__(self, host: str, port: int, topics: list[str], *, timeout_s: float) -> None:
        """Wait until the broker is up and the subscription stands; raises DemoError after `timeout_s`."""
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._subscribed: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.on_message = self._keep
        self._connect(host, port, time.monotonic() + timeout_s)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def messages(self) -> Iterator[Message | None]:
        """Messages in the order of their arrival; None whenever half a second passes without one."""
        while True:
            try:
                yield self._messages.get(timeout=POLL_S)
            except queue.Empty:
                yield None

    def _keep(self, _client: Any, _data: Any, message: Any) -> None:
        self._messages.put(Message(message.topic, message.payload, time.monotonic()))

    def _connect(self, host: str, port: int, deadline_s: float) -> None:
        while True:
            try:
                self._client.connect(host, port)
                break
            except OSError as error:
                if time.monotonic() > deadline_s:
                    why = error.strerror or str(error)
                    raise DemoError(f"can't reach the broker {host}:{port}", why) from error
                time.sleep(RETRY_S)
        self._client.loop_start()
        try:
            self._subscribed.get(timeout=max(1.0, deadline_s - time.monotonic()))
        except queue.Empty as error:
            self.__exit__(None, None, None)
            raise DemoError(f"the broker {host}:{port} does not answer") from error
