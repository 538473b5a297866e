"""What the broker is to retain: who is there, what each camera sees, and what else was said to stay."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

from edge.publish.mqtt.client import Answer
from edge.publish.mqtt.session import Session
from edge.publish.topics import Topics
from edge.records import Decision, Message

# Of one camera, not answered yet: short changes are seen, and a flood is not queued.
MAX_OPEN_STATES = 8
# After a broker would not take a retained message for now: its quota may be free again by then.
ANNOUNCE_AGAIN_S = 30.0


class RetainedState:
    """Says it all after each login, and what has changed at once. Called with the session's lock held."""

    def __init__(self, session: Session, topics: Topics) -> None:
        self.closing = False  # `offline` has been said, and must stay the last word
        self._session, self._topics = session, topics
        self._latest: dict[str, tuple[Decision, int]] = {}  # with the number of the camera's last event
        self._online: dict[str, bool] = {}
        self._standing: dict[str, Message] = {}
        self._open: Counter[str] = Counter()  # states' publishes that are not answered, by camera
        self._late: set[str] = set()  # cameras whose newest state waits for an answer
        self._announce_due_s: float | None = None

    @property
    def is_late(self) -> bool:
        """True while a state waits for the broker."""
        return bool(self._late)

    def remember(self, decision: Decision, sequence: int) -> None:
        """Take a decision as its camera's present state, to be said later."""
        self._latest[decision.camera] = (decision, sequence)

    def say(self, camera: str, event: Message | None = None) -> None:
        """Send a camera's present state, in its event's words, and label; while too many are open, wait.

        So under a flood the broker gets the newest state as soon as it can take it, not a queue of old ones.
        """
        if camera not in self._latest:
            return
        if self._open[camera] >= MAX_OPEN_STATES:
            self._late.add(camera)
            return
        decision, sequence = self._latest[camera]
        topics = self._topics
        state = topics.state_of(event, camera) if event else topics.state(decision, sequence)
        self._session.send(state, self._note)
        if self._session.send(topics.label(decision), partial(self._note_label, camera)):
            self._open[camera] += 1

    def set_online(self, camera: str, *, online: bool) -> None:
        """Tell whether a camera delivers frames."""
        self._online[camera] = online
        self._session.send(self._topics.camera_availability(camera, online=online), self._note)

    def tell(self, message: Message) -> None:
        """Publish a message that is no decision; a retained one again after every reconnect."""
        if message.retain:
            self._standing[message.topic] = message
        self._session.send(message, self._note)

    def announce(self) -> None:
        """Say all that the broker is to retain."""
        self._announce_due_s = None
        if self.closing:
            return
        self._session.send(self._topics.device_availability(online=True), self._note)
        for message in self._standing.values():
            self._session.send(message, self._note)
        for camera, online in self._online.items():
            self._session.send(self._topics.camera_availability(camera, online=online), self._note)
        for camera in self._latest:
            self.say(camera)

    def poll(self) -> None:
        """Say it all again where the broker would not take a part of it for now."""
        if self._announce_due_s is not None and time.monotonic() >= self._announce_due_s:
            self.announce()

    def say_goodbye(self) -> None:
        """The last word: `offline`."""
        self.closing = True
        self._session.send(self._topics.device_availability(online=False))

    def forget_open(self) -> None:
        """The connection is gone, and with it what was open."""
        self._open.clear()
        self._late.clear()

    def _note(self, answer: Answer) -> None:
        if answer is Answer.NOT_NOW:
            self._announce_due_s = time.monotonic() + ANNOUNCE_AGAIN_S

    def _note_label(self, camera: str, answer: Answer) -> None:
        self._note(answer)
        self._open[camera] -= 1
        if camera in self._late and not self.closing:
            self._late.remove(camera)
            self.say(camera)
