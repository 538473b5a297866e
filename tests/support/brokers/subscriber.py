"""A subscriber with its own network thread, which collects what arrives and lets a test wait for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.tools import PATIENCE_S


@dataclass(frozen=True)
class Received:
    """One message as the broker delivered it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def text(self) -> str:
        """The payload as text."""
        return self.payload.decode()

    @property
    def record(self) -> dict[str, Any]:
        """The payload as a JSON object."""
        loaded = json.loads(self.payload)
        assert isinstance(loaded, dict)
        return loaded


class Subscriber:
    """Collects while the context lasts; with a `session`, the broker keeps what it misses."""

    def __init__(
        self,
        port: int,
        topic: str = "edge/#",
        *,
        user: str | None = None,
        password: str = "",
        session: str = "",
    ) -> None:
        self._port, self._topic = port, topic
        self._changed = threading.Condition(threading.RLock())
        self._messages: list[Received] = []
        self._subscriptions = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=session, clean_session=not session)
        if user:
            self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=2)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    @property
    def messages(self) -> list[Received]:
        """All that has arrived so far."""
        with self._changed:
            return list(self._messages)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Say something ourselves, at QoS 1."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def on(self, suffix: str) -> list[Received]:
        """What has arrived on topics that end so."""
        return [message for message in self.messages if message.topic.endswith(suffix)]

    def events(self, camera: str = "") -> list[dict[str, Any]]:
        """The events of a camera, or of all."""
        return [message.record for message in self.on(f"{camera}/event")]

    def wait_for(self, predicate: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the predicate holds; it is asked again after each message."""
        with self._changed:
            held = self._changed.wait_for(predicate, timeout_s)
        if not held:
            tail = [(message.topic, message.payload[:120]) for message in self.messages[-8:]]
            pytest.fail(f"waited {timeout_s:g} s in vain for {what}; last came {tail}")

    def wait_for_text(self, suffix: str, text: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the newest message of the topics that end so is this text."""
        self.wait_for(
            lambda: (found := self.on(suffix)) and found[-1].text == text, f"{text} on {suffix}", timeout_s
        )

    def __enter__(self) -> Subscriber:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self.wait_for(lambda: self._subscriptions, "the subscription")
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_subscribe(self, *_arguments: Any) -> None:
        with self._changed:
            self._subscriptions += 1
            self._changed.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        received = Received(message.topic, bytes(message.payload), message.qos, message.retain)
        with self._changed:
            # `dup` is the broker's own second try after a restart, not the publisher's.
            if not (message.dup and received in self._messages):
                self._messages.append(received)
            self._changed.notify_all()
