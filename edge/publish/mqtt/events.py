"""Events from the outbox to the broker, in order, each until the broker has answered it."""

from __future__ import annotations

from functools import partial

from edge.publish.mqtt.client import Answer
from edge.publish.mqtt.session import Session
from edge.publish.outbox.outbox import Outbox


class Events:
    """Hands out what the outbox has. Called with the session's lock held."""

    def __init__(self, session: Session, outbox: Outbox) -> None:
        self.acknowledged = 0  # taken by the broker, since the start
        self.answered = 0  # taken or refused by the broker, since the start
        self._session, self._outbox = session, outbox

    def drain(self) -> None:
        """Send what may go by now."""
        if self._session.announced:
            for handle, message in self._outbox.hand_out():
                self._session.send(message, partial(self._note, handle))

    def poll(self) -> None:
        """Let the outbox see to its bounds, and send what may go."""
        self._outbox.poll()
        self.drain()

    def take_back(self) -> None:
        """The connection is gone: what was under way waits again."""
        self._outbox.take_back()

    def _note(self, handle: int, answer: Answer) -> None:
        self.answered += 1
        if answer is Answer.NOT_NOW:
            self._outbox.postpone(handle)
        else:
            self.acknowledged += answer is Answer.TAKEN
            self._outbox.acknowledge(handle, refused=answer is Answer.REFUSED)
        self.drain()
