"""STAGE 4, over MQTT: the present state at once and after every reconnect, and every event in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.publish.mqtt.connection import Login
from edge.publish.mqtt.events import Events
from edge.publish.mqtt.retained_state import RetainedState
from edge.publish.mqtt.session import Session
from edge.publish.outbox.outbox import NumberedEvent, Outbox
from edge.publish.outbox.outbox_writer import OutboxWriter
from edge.publish.sink import Sink, SinkLiveness
from edge.publish.topics import Topics
from edge.records import Decision, Frame, Message

# How often the end looks whether all has been answered.
DRAIN_POLL_S = 0.02
# Shorter than the burst of what may be sent late (send_rate.py).
POLL_S = 0.2

Numbered = tuple[Decision, int]  # with the number of its camera's last event


class MqttSink(Sink):
    """Keeps a broker told. A decision is on disk before anybody hears of its number."""

    def __init__(
        self,
        login: Login,
        topics: Topics,
        *,
        outbox: Outbox,
        labels: tuple[str, ...] = (),
        heard_elsewhere: bool = False,
    ) -> None:
        """Events wait in `outbox`, which stays its owner's to close.

        heard_elsewhere: decisions go to others as well after `publish`, which so returns only when the disk
        has them.
        """
        self._topics, self._labels, self._outbox = topics, labels, outbox
        self._heard_elsewhere = heard_elsewhere
        self._lock = threading.Lock()  # of session, state, events and outbox
        self._session = Session(login, self._lock, self._greet, self._lose)
        self._state = RetainedState(self._session, topics)
        self._events = Events(self._session, outbox)
        self._writer = OutboxWriter[Numbered](self._keep, self._poll_parts, POLL_S)

    def start(self) -> None:
        """Begin to connect; what is published before waits."""
        self._writer.start()
        self._session.connection.start()

    def require(self, timeout_s: float) -> None:
        """Wait for the connection; raises BrokerUnavailableError after `timeout_s`."""
        if not self._session.connection.wait_until_up(timeout_s):
            raise self._session.connection.report.unavailable()

    def publish(self, decision: Decision, sequence: int) -> None:
        """Take a decision: an event and a new state if it changed, else only remembered for `refresh`."""
        if decision.changed or len(self._writer):  # none may overtake an event that is not on disk yet
            self._writer.put((decision, sequence))
            if self._heard_elsewhere:
                self._writer.wait()
            return
        with self._lock:
            self._state.remember(decision, sequence)

    def refresh(self, camera: str) -> None:
        """Publish a camera's present state again (the heartbeat)."""
        self._writer.wait()  # the present state may just be on its way to the disk
        with self._lock:
            self._state.say(camera)

    def poll(self) -> None:
        """Our threads see to everything; raises what the one that keeps events ended by."""
        self._writer.check()

    def camera_availability(self, camera: str, *, online: bool) -> None:
        """Tell whether a camera delivers frames."""
        with self._lock:
            self._state.set_online(camera, online=online)

    def scores(self, frame: Frame, age_ms: float, values: NDArray[np.float32]) -> None:
        """Publish all scores of one frame; lost if there is no connection."""
        self._session.send(self._topics.scores(frame, age_ms, self._labels, values))

    def stats(self, stats: Mapping[str, Any]) -> None:
        """Publish the counters; lost if there is no connection."""
        self._session.send(self._topics.stats(stats))

    def tell(self, message: Message) -> None:
        """Publish a message that is no decision; a retained one again after every reconnect."""
        with self._lock:
            self._state.tell(message)

    def listen(self, topic: str, heard: Callable[[Message], None]) -> None:
        """Have `heard` called, in the connection's thread, with what arrives on a topic; before `start`."""
        self._session.listen(topic, heard)

    def report(self) -> dict[str, Any]:
        """What the sink has to say of itself, for the counters."""
        connection = self._session.connection
        return {
            "broker": connection.problem or "connected",
            "logins": connection.logins,
            "subscriptions_refused": list(connection.report.refused_topics),
            **self._outbox.report(),
            "events_waiting": self._waiting,
            "events_acknowledged": self._events.acknowledged,
        }

    def liveness(self) -> SinkLiveness:
        """Are its threads alive, is there a connection, and do events get away."""
        connection = self._session.connection
        problem = None if connection.connected else connection.problem or "not connected"
        alive_s = min(connection.alive_s, self._writer.alive_s)
        return SinkLiveness(alive_s, problem, self._waiting, self._events.answered)

    def close(self, timeout_s: float) -> None:
        """Publish `offline` after all open publishes, as far as `timeout_s` allows, and disconnect."""
        deadline_s = time.monotonic() + timeout_s
        try:
            self._writer.stop()
            if self._session.connection.wait_until_up(timeout_s):
                _wait_until(self._is_drained, deadline_s)
                with self._lock:
                    self._state.say_goodbye()
                _wait_until(lambda: not self._session.open_count, deadline_s)
        finally:
            self._session.connection.stop()

    @property
    def _waiting(self) -> int:
        """Events that the broker has not acknowledged, or the disk not taken."""
        return len(self._outbox) + len(self._writer)

    def _keep(self, group: Sequence[Numbered]) -> None:
        """Bring decisions to disk; only then anybody hears of their numbers, which none may get again."""
        with self._lock:
            events = [
                NumberedEvent(decision.camera, number, self._topics.event(decision, number))
                for decision, number in group
                if decision.changed
            ]
            if events:
                self._outbox.append(events)
            messages = (event.message for event in events)
            for decision, number in group:
                self._state.remember(decision, number)
                if decision.changed:
                    self._state.say(decision.camera, next(messages))
            self._events.drain()

    def _poll_parts(self) -> None:
        """Send what may go by now."""
        with self._lock:
            self._state.poll()
            self._events.poll()

    def _is_drained(self) -> bool:
        self._poll_parts()
        return self._session.announced and not len(self._outbox) and not self._state.is_late

    def _greet(self) -> None:
        self._state.announce()
        self._events.drain()

    def _lose(self) -> None:
        self._state.forget_open()
        self._events.take_back()


def _wait_until(condition: Callable[[], bool], deadline_s: float) -> bool:
    while not condition():
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(DRAIN_POLL_S)
    return True
