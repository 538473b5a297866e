"""STAGE 4: decisions go to an MQTT broker; stdout.py prints them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.client import Acknowledgement
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks
from edge.publish.outbox.outbox import NumberedEvent, Outbox
from edge.publish.outbox.outbox_writer import OutboxWriter
from edge.publish.sink import Sink, SinkLiveness
from edge.publish.topics import Topics
from edge.records import Decision, Frame, Message

POLL_S = 0.02
OUTBOX_POLL_S = 0.2  # shorter than the burst of what may be sent late (rate_limit.py)
MAX_OPEN_STATES = 8  # of one camera: short changes are seen, and a flood is not queued
ANNOUNCE_AGAIN_S = 30.0  # after a broker would not take a retained message for now

Numbered = tuple[Decision, int]  # with the number of its camera's last event


class MqttSink(Sink):
    """Keeps a broker told: the present state at once and after every reconnect, and every event in order."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
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
        self._topics, self._labels = topics, labels
        self._outbox = outbox
        self._lock = threading.Lock()
        self._announced = self._closing = False
        self._acknowledged = self._answered = 0
        self._keys_by_mid: dict[int, int | None] = {}
        self._open_states: dict[int, str] = {}  # ids of states' publishes that are not answered: the camera
        self._late_states: set[str] = set()
        self._announce_due_s: float | None = None
        self._latest: dict[str, Numbered] = {}
        self._heard_elsewhere = heard_elsewhere
        self._kept = OutboxWriter[Numbered](self._keep, self._send_due, OUTBOX_POLL_S)
        self._cameras_online: dict[str, bool] = {}
        will = topics.device_availability(online=False)
        self._standing: dict[str, Message] = {}
        self._listeners: dict[str, Callable[[Message], None]] = {}
        callbacks = ConnectionCallbacks(self._on_up, self._on_down, self._on_acknowledged, self._on_message)
        self._connection = BrokerConnection(address, client_id, will, callbacks)

    def start(self) -> None:
        """Begin to connect; what is published before waits."""
        self._kept.start()
        self._connection.start()

    def require(self, timeout_s: float) -> None:
        """Wait for the connection; raises BrokerUnavailableError after `timeout_s`."""
        if not self._connection.wait_until_up(timeout_s):
            what = f"the broker {self._connection.address.shown} is not available"
            raise self._connection.unavailable(what)

    def publish(self, decision: Decision, sequence: int) -> None:
        """Take a decision: an event and a new state if it changed, else only remembered for `refresh`."""
        if decision.changed or len(self._kept):  # none may overtake an event that is not on disk yet
            self._kept.put((decision, sequence))
            if self._heard_elsewhere:
                self._kept.wait()
            return
        with self._lock:
            self._latest[decision.camera] = (decision, sequence)

    def refresh(self, camera: str) -> None:
        """Publish a camera's present state again (the heartbeat)."""
        self._kept.wait()  # the present state may just be on its way to the disk
        with self._lock:
            self._send_state(camera)

    def poll(self) -> None:
        """Our threads see to everything; raises what the one that keeps events ended by."""
        self._kept.check()

    def camera_availability(self, camera: str, *, online: bool) -> None:
        """Tell whether a camera delivers frames."""
        with self._lock:
            self._cameras_online[camera] = online
            self._send(self._topics.camera_availability(camera, online=online))

    def scores(self, frame: Frame, age_ms: float, values: NDArray[np.float32]) -> None:
        """Publish all scores of one frame; lost if there is no connection."""
        self._send(self._topics.scores(frame, age_ms, self._labels, values))

    def stats(self, stats: Mapping[str, Any]) -> None:
        """Publish the counters; lost if there is no connection."""
        self._send(self._topics.stats(stats))

    def tell(self, message: Message) -> None:
        """Publish a message that is no decision; a retained one again after every reconnect."""
        with self._lock:
            if message.retain:
                self._standing[message.topic] = message
            self._send(message)

    def listen(self, topic: str, heard: Callable[[Message], None]) -> None:
        """Have `heard` called, in the connection's thread, with what arrives on a topic; before `start`."""
        self._listeners[topic] = heard
        self._connection.subscribe(topic)

    def report(self) -> dict[str, Any]:
        """What the sink has to say of itself, for the counters."""
        return {
            "broker": self._connection.problem or "connected",
            "logins": self._connection.logins,
            "subscriptions_refused": list(self._connection.refused_topics),
            **self._outbox.report(),
            "events_waiting": self._waiting,
            "events_acknowledged": self._acknowledged,
        }

    def liveness(self) -> SinkLiveness:
        """Are its threads alive, is there a connection, and do events get away."""
        connection = self._connection
        problem = None if connection.connected else connection.problem or "not connected"
        alive_s = min(connection.alive_s, self._kept.alive_s)
        return SinkLiveness(alive_s, problem, self._waiting, self._answered)

    def close(self, timeout_s: float) -> None:
        """Publish `offline` after all open publishes, as far as `timeout_s` allows, and disconnect."""
        deadline_s = time.monotonic() + timeout_s
        try:
            self._kept.stop()
            self._say_goodbye(timeout_s, deadline_s)
        finally:
            self._connection.stop()

    def _say_goodbye(self, timeout_s: float, deadline_s: float) -> None:
        if self._connection.wait_until_up(timeout_s):
            _wait_until(self._is_drained, deadline_s)
            with self._lock:
                self._closing = True
                self._send(self._topics.device_availability(online=False))
            _wait_until(lambda: not self._keys_by_mid, deadline_s)

    @property
    def _waiting(self) -> int:
        """Events that the broker has not acknowledged, or the disk not taken."""
        return len(self._outbox) + len(self._kept)

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
                self._latest[decision.camera] = (decision, number)
                if decision.changed:
                    self._send_state(decision.camera, next(messages))
            self._drain()

    def _send_due(self) -> None:
        """Send what may go by now."""
        with self._lock:
            self._outbox.poll()
            if self._announce_due_s is not None and time.monotonic() >= self._announce_due_s:
                self._announce()
            self._drain()

    def _is_drained(self) -> bool:
        self._send_due()
        return self._announced and not len(self._outbox) and not self._late_states

    def _on_up(self) -> None:
        with self._lock:
            self._announced = True
            self._announce()
            self._drain()

    def _announce(self) -> None:
        """Say all that the broker is to retain."""
        self._announce_due_s = None
        if self._closing:  # `offline` has been said, and must stay the last word
            return
        self._send(self._topics.device_availability(online=True))
        for message in self._standing.values():
            self._send(message)
        for camera, online in self._cameras_online.items():
            self._send(self._topics.camera_availability(camera, online=online))
        for camera in self._latest:
            self._send_state(camera)

    def _on_down(self) -> None:
        with self._lock:
            self._announced = False
            self._keys_by_mid.clear()
            self._open_states.clear()
            self._late_states.clear()
            self._outbox.take_back()

    def _on_acknowledged(self, mid: int, acknowledgement: Acknowledgement) -> None:
        with self._lock:
            key = self._keys_by_mid.pop(mid, None)
            if key is None:
                if acknowledgement is Acknowledgement.NOT_NOW:
                    self._announce_due_s = time.monotonic() + ANNOUNCE_AGAIN_S
                self._state_answered(mid)
                return
            self._answered += 1
            if acknowledgement is Acknowledgement.NOT_NOW:
                self._outbox.postpone(key)
            else:
                self._acknowledged += acknowledgement is Acknowledgement.TAKEN
                self._outbox.acknowledge(key, refused=acknowledgement is Acknowledgement.REFUSED)
            self._drain()

    def _on_message(self, message: Message) -> None:
        if message.topic in self._listeners:
            self._listeners[message.topic](message)

    def _drain(self) -> None:
        if not self._announced:
            return
        for key, message in self._outbox.hand_out():
            self._send(message, key)

    def _send_state(self, camera: str, event: Message | None = None) -> None:
        """Send a camera's present state, in its event's words, and label; while too many are open, wait.

        So under a flood the broker gets the newest state as soon as it can take it, not a queue of old ones.
        """
        if camera not in self._latest:
            return
        if sum(each == camera for each in self._open_states.values()) >= MAX_OPEN_STATES:
            self._late_states.add(camera)
            return
        decision, sequence = self._latest[camera]
        topics = self._topics
        self._send(topics.state_of(event, camera) if event else topics.state(decision, sequence))
        mid = self._send(topics.label(decision))
        if mid is not None:
            self._open_states[mid] = camera

    def _state_answered(self, mid: int) -> None:
        camera = self._open_states.pop(mid, None)
        if camera in self._late_states and not self._closing:
            self._late_states.remove(camera)
            self._send_state(camera)

    def _send(self, message: Message, key: int | None = None) -> int | None:
        """Its id; None without a connection, or before the broker was told how things are."""
        if not self._announced:
            return None
        mid = self._connection.publish(message)
        if mid is not None and message.qos > 0:
            self._keys_by_mid[mid] = key
        return mid


def _wait_until(condition: Callable[[], bool], deadline_s: float) -> bool:
    while not condition():
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(POLL_S)
    return True
