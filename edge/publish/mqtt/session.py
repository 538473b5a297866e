"""What the parts of the MQTT sink send goes through here, and each answer back to who has sent.

Nothing is sent before the broker was told how things are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.publish.mqtt.client import Answer
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks, Login
from edge.records import Message

Answered = Callable[[Answer], None]


def ignore(_answer: Answer) -> None:
    """For messages whose answer changes nothing."""


class Session:
    """One connection, and what is open on it. All but `require` and `listen` is called with the lock held."""

    def __init__(
        self, login: Login, lock: threading.Lock, on_up: Callable[[], None], on_down: Callable[[], None]
    ) -> None:
        """on_up and on_down are called with the lock held, in the connection's thread."""
        self.announced = False  # the broker is there, and may be told how things are
        self._lock, self._on_up, self._on_down = lock, on_up, on_down
        self._open: dict[int, Answered] = {}  # publishes that are not answered, by their ids
        self._listeners: dict[str, Callable[[Message], None]] = {}
        callbacks = ConnectionCallbacks(self._greet, self._lose, self._answer, self._hear)
        self.connection = BrokerConnection(login, callbacks)

    @property
    def open_count(self) -> int:
        """How many publishes are not answered."""
        return len(self._open)

    def listen(self, topic: str, heard: Callable[[Message], None]) -> None:
        """Have `heard` called, in the connection's thread, with what arrives on a topic; before the start."""
        self._listeners[topic] = heard
        self.connection.subscribe(topic)

    def send(self, message: Message, answered: Answered = ignore) -> bool:
        """Publish; true if the message has left, and `answered` hears what the broker says to it (QoS 1)."""
        if not self.announced:
            return False
        mid = self.connection.publish(message)
        if mid is not None and message.qos > 0:
            self._open[mid] = answered
        return mid is not None

    def _greet(self) -> None:
        with self._lock:
            self.announced = True
            self._on_up()

    def _lose(self) -> None:
        with self._lock:
            self.announced = False
            self._open.clear()
            self._on_down()

    def _answer(self, mid: int, answer: Answer) -> None:
        with self._lock:
            self._open.pop(mid, ignore)(answer)

    def _hear(self, message: Message) -> None:
        if message.topic in self._listeners:
            self._listeners[message.topic](message)
