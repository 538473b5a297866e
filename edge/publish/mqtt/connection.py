"""One connection to an MQTT broker, kept alive: which version, when to try again, and whom to tell.

Each attempt uses a new client, so that our user alone decides what is sent again after a reconnect.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.errors import ThreadStuckError
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.client import (
    CONNECT_TIMEOUT_S,
    Acknowledged,
    Answer,
    Client,
    Closed,
    LoggedIn,
    Refused,
    Subscribed,
)
from edge.publish.mqtt.connection_outcome import (
    How,
    Outcome,
    RetryDelay,
    VersionChoice,
    ended,
    refused,
    unanswered,
    unreachable,
)
from edge.publish.mqtt.connection_report import ConnectionReport
from edge.records import Message

log = logging.getLogger(__name__)

CLIENT_PREFIX = "edge-agent-"
# How often the thread says that it is alive while nothing happens.
HEARTBEAT_S = 1.0
# A connection that stands takes longer than this to close only if something hangs.
STOP_TIMEOUT_S = 10.0
# A look-up of a name can't be broken off: then the thread is left behind after so long.
ABANDON_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class ConnectionCallbacks:
    """All are called in the connection's thread.

    on_up after each login; on_answered with a publish's id and what the broker says to it.
    """

    on_up: Callable[[], None] = lambda: None
    on_down: Callable[[], None] = lambda: None
    on_answered: Callable[[int, Answer], None] = lambda _mid, _answer: None
    on_message: Callable[[Message], None] = lambda _message: None


@dataclass(frozen=True, slots=True)
class Login:
    """Where to connect, as whom, and what the broker says of us once we are gone."""

    address: BrokerAddress
    client_id: str
    will: Message | None = None


@dataclass(frozen=True, slots=True)
class _Signals:
    """Logged in; our user has been told of that; the first attempt is over; it is to end."""

    up: threading.Event = field(default_factory=threading.Event)
    greeted: threading.Event = field(default_factory=threading.Event)
    tried: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)


class BrokerConnection:
    """Keeps one connection up until it is stopped; never blocks its user."""

    def __init__(self, login: Login, callbacks: ConnectionCallbacks) -> None:
        self.address = login.address
        self.report = ConnectionReport(login.address.shown, login.client_id.removeprefix(CLIENT_PREFIX))
        self.logins = 0
        self.alive_s = time.monotonic()  # when our thread last moved
        self._login, self._callbacks = login, callbacks
        self._subscriptions: list[str] = []
        self._version = VersionChoice()
        self._client: Client | None = None
        self._signals = _Signals()
        self._connecting = False
        self._thread = threading.Thread(target=self._keep_connected, name="broker", daemon=True)

    @property
    def connected(self) -> bool:
        """True between a successful login and the loss of the connection."""
        return self._signals.up.is_set()

    @property
    def problem(self) -> str | None:
        """What is wrong, in words; None where all is well."""
        return self.report.problem

    def subscribe(self, topic: str) -> None:
        """Ask for what is published there, after every login; before `start`."""
        self._subscriptions.append(topic)

    def start(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost."""
        self._thread.start()

    def wait_until_up(self, timeout_s: float) -> bool:
        """True as soon as the connection is up and `on_up` is done, false after `timeout_s`."""
        return self._signals.greeted.wait(timeout_s)

    def wait_until_tried(self, timeout_s: float) -> bool:
        """True as soon as the first attempt has succeeded or failed, false after `timeout_s`."""
        return self._signals.tried.wait(timeout_s)

    def publish(self, message: Message) -> int | None:
        """Send a message and return its id; None if there is no connection."""
        client = self._client
        return client.publish(message) if client is not None and self.connected else None

    def stop(self) -> None:
        """Disconnect cleanly and end the thread; raises ThreadStuckError if it does not end.

        A thread that is still looking for the broker is left behind: a look-up of a name can't be broken off.
        """
        self._signals.stop.set()
        if (client := self._client) is not None:
            client.signs.put(Closed(0, "stopped"))
        if self._thread.ident is None:
            return
        self._thread.join(ABANDON_AFTER_S)
        if self._thread.is_alive() and not self._connecting:
            self._thread.join(STOP_TIMEOUT_S)
        if not self._thread.is_alive():
            return
        if not self._connecting:
            raise ThreadStuckError(f"broker {self.address.shown}: its thread did not stop")
        log.debug("broker %s: left while still connecting", self.address.shown)

    def _keep_connected(self) -> None:
        retry = RetryDelay()
        while not self._signals.stop.is_set():
            self.alive_s = started_s = time.monotonic()
            try:
                outcome = self._connect_once()
            except Exception as error:  # the thread's last line of defence: it must go on
                log.exception("broker %s: unexpected failure", self.address.shown)
                outcome = unreachable(error)
            if self._signals.stop.is_set():
                return
            if self._version.failed(outcome.how):
                log.debug("broker %s: trying %s", self.address.shown, self._version.present.value)
                continue
            lasted_s = time.monotonic() - started_s
            self.report.note_outcome(outcome, lasted_s)
            self._signals.tried.set()
            spread = random.uniform(0.5, 1.0)  # noqa: S311 (spread, not secrecy)
            self._rest(spread * retry.after(outcome, lasted_s))

    def _rest(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._signals.stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            self.alive_s = time.monotonic()
            self._signals.stop.wait(min(left_s, HEARTBEAT_S))

    def _connect_once(self) -> Outcome:
        """One attempt, until the connection is over."""
        self._connecting = True
        try:
            client = Client(self.address, self._login.client_id, self._version.present, self._login.will)
            client.connect()
        except (OSError, ValueError) as error:
            return unreachable(error)
        finally:
            self._connecting = False
        self._client = client
        try:
            return self._serve(client)
        finally:
            was_up = self.connected
            self._signals.up.clear()
            self._signals.greeted.clear()
            self._client = None
            try:
                client.close()
            finally:
                if was_up:
                    self._callbacks.on_down()

    def _serve(self, client: Client) -> Outcome:
        """Pass on what the client reports until the connection is over."""
        while not self._signals.stop.is_set():
            self.alive_s = time.monotonic()
            try:
                sign = client.signs.get(timeout=HEARTBEAT_S if self.connected else CONNECT_TIMEOUT_S)
            except queue.Empty:
                if self.connected:
                    continue
                return unanswered()
            match sign:
                case LoggedIn():
                    self._welcome(client)
                case Refused(code, words):
                    return refused(code, words)
                case Closed(code, words):
                    return ended(code, words) if self.connected else unanswered(words)
                case Acknowledged(mid, answer, refusal):
                    self.report.note_answer(answer, refusal)
                    self._callbacks.on_answered(mid, answer)
                case Subscribed(topics, refusal):
                    self.report.note_refused_topics(topics, refusal)
                case Message():
                    self._callbacks.on_message(sign)
        return Outcome(How.STOPPED)

    def _welcome(self, client: Client) -> None:
        self.logins += 1
        self._version.worked()
        self.report.note_login(self._version.present.value)
        client.subscribe(self._subscriptions)
        self._signals.up.set()
        self._signals.tried.set()
        self._callbacks.on_up()
        self._signals.greeted.set()
