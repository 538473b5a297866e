"""One connection to an MQTT broker, kept alive: version, back-off, and what went wrong in words.

Each attempt uses a new client, so that our user alone decides what is sent again after a reconnect.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import BrokerUnavailableError, ThreadStuckError
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.client import (
    CONNECT_TIMEOUT_S,
    Acknowledged,
    Acknowledgement,
    Client,
    Closed,
    LoggedIn,
    Refused,
    Sign,
    Subscribed,
)
from edge.publish.mqtt.connection_outcome import (
    Ending,
    How,
    VersionChoice,
    ended,
    refused,
    unanswered,
    unreachable,
)
from edge.records import Message

log = logging.getLogger(__name__)

CLIENT_PREFIX = "edge-agent-"
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
HEARTBEAT_S = 1.0
LASTING_S = 10.0  # a shorter connection was thrown out: by another client with our id, for instance
SHORT_LOGINS = 3  # so many that are dropped in a row mean just that
CONFLICT_REMEMBERED_S = 4 * LAST_RETRY_S  # two clients with one id throw each other out at least so often
STOP_TIMEOUT_S = 10.0
ABANDON_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class ConnectionCallbacks:
    """All are called in the connection's thread.

    on_up after each login; on_acknowledged with a publish's id and what the broker says to it.
    """

    on_up: Callable[[], None]
    on_down: Callable[[], None]
    on_acknowledged: Callable[[int, Acknowledgement], None]
    on_message: Callable[[Message], None] = lambda _message: None


class BrokerConnection:
    """Keeps one connection up until it is stopped; never blocks its user."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        will: Message | None,
        callbacks: ConnectionCallbacks,
    ) -> None:
        self.address = address
        self.logins = 0
        self.refused_topics: tuple[str, ...] = ()  # subscriptions that the broker does not grant
        self.alive_s = time.monotonic()  # when our thread last moved
        self._client_id, self._will, self._callbacks = client_id, will, callbacks
        self._subscriptions: list[str] = []
        self._version = VersionChoice()
        self._problem: str | None = "not connected yet"
        self._conflict, self._conflict_until_s = "", 0.0
        self._short_logins = 0
        self.refusal = ""  # why it did not take the last message that it refused
        self._client: Client | None = None
        self._signs: queue.SimpleQueue[Sign] = queue.SimpleQueue()
        self._up, self._stop, self._tried = threading.Event(), threading.Event(), threading.Event()
        self._greeted = threading.Event()  # up, and our user has been told
        self._connecting = False
        self._thread = threading.Thread(target=self._keep_connected, name="broker", daemon=True)

    @property
    def connected(self) -> bool:
        """True between a successful login and the loss of the connection."""
        return self._up.is_set()

    @property
    def problem(self) -> str | None:
        """What is wrong, in words; None where all is well."""
        return self._conflict if self._problem is None and self._in_conflict else self._problem

    @property
    def _in_conflict(self) -> bool:
        return time.monotonic() < self._conflict_until_s

    def unavailable(self, what: str, why: str = "") -> BrokerUnavailableError:
        """The error that says why there is no connection, else `why`, with one piece of advice."""
        problem = self.problem or why
        has_advice = ";" in problem  # connection_outcome.py puts it behind a semicolon
        return BrokerUnavailableError(what, problem, "" if has_advice else "start it, or check the address")

    def subscribe(self, topic: str) -> None:
        """Ask for what is published there, after every login; before `start`."""
        self._subscriptions.append(topic)

    def start(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost."""
        self._thread.start()

    def wait_until_up(self, timeout_s: float) -> bool:
        """True as soon as the connection is up and `on_up` is done, false after `timeout_s`."""
        return self._greeted.wait(timeout_s)

    def wait_until_tried(self, timeout_s: float) -> bool:
        """True as soon as the first attempt has succeeded or failed, false after `timeout_s`."""
        return self._tried.wait(timeout_s)

    def publish(self, message: Message) -> int | None:
        """Send a message and return its id; None if there is no connection."""
        client = self._client
        return client.publish(message) if client is not None and self.connected else None

    def stop(self) -> None:
        """Disconnect cleanly and end the thread; raises ThreadStuckError if it does not end.

        A thread that is still looking for the broker is left behind: a look-up of a name can't be broken off.
        """
        self._stop.set()
        self._signs.put(Closed(0, "stopped"))
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
        retry_s = FIRST_RETRY_S
        while not self._stop.is_set():
            self.alive_s = started_s = time.monotonic()
            try:
                ending = self._connect_once()
            except Exception as error:  # the thread's last line of defence: it must go on
                log.exception("broker %s: unexpected failure", self.address.shown)
                ending = unreachable(error)
            if self._stop.is_set():
                return
            if self._version.failed(ending.how):
                log.debug("broker %s: trying %s", self.address.shown, self._version.present.value)
                continue
            lasted_s = time.monotonic() - started_s
            self._judge(ending, lasted_s)
            thrown_out = ending.how in (How.DROPPED, How.TAKEN_OVER)
            if ending.how is How.LOST or (thrown_out and lasted_s > LASTING_S):
                retry_s = FIRST_RETRY_S
            self._rest(retry_s * random.uniform(0.5, 1.0))  # noqa: S311 (spread, not secrecy)
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _rest(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            self.alive_s = time.monotonic()
            self._stop.wait(min(left_s, HEARTBEAT_S))

    def _connect_once(self) -> Ending:
        """One attempt, until the connection is over."""
        self._connecting = True
        try:
            client = Client(self.address, self._client_id, self._version.present, self._will)
            client.connect()
        except (OSError, ValueError) as error:
            return unreachable(error)
        finally:
            self._connecting = False
        self._signs = client.signs
        self._client = client
        try:
            return self._serve(client)
        finally:
            was_up = self.connected
            self._up.clear()
            self._greeted.clear()
            self._client = None
            try:
                client.close()
            finally:
                if was_up:
                    self._callbacks.on_down()

    def _serve(self, client: Client) -> Ending:
        """Pass on what the client reports until the connection is over."""
        while not self._stop.is_set():
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
                case Acknowledged(mid, acknowledgement, refusal):
                    self._note_refusal(acknowledgement, refusal)
                    self._callbacks.on_acknowledged(mid, acknowledgement)
                case Subscribed(topics, refusal):
                    self._note_refused_topics(topics, refusal)
                case Message():
                    self._callbacks.on_message(sign)
        return Ending(How.STOPPED)

    def _welcome(self, client: Client) -> None:
        self.logins += 1
        self._version.worked()
        self._note(None)
        client.subscribe(self._subscriptions)
        self._up.set()
        self._tried.set()
        self._callbacks.on_up()
        self._greeted.set()

    def _judge(self, ending: Ending, lasted_s: float) -> None:
        """Say what the ending means; short connections in a row mean another client with our id."""
        short_s = CONFLICT_REMEMBERED_S if self._in_conflict else LASTING_S
        short = ending.how is How.DROPPED and lasted_s < short_s
        self._short_logins = self._short_logins + 1 if short else 0
        if ending.how is How.TAKEN_OVER:
            self._note_conflict("uses")
        elif self._short_logins >= SHORT_LOGINS:  # MQTT 3.1.1 has no word for it, and Mosquitto 2.0 says none
            self._note_conflict("probably uses")
        else:
            self._note(ending.words)
        self._tried.set()

    def _note(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        if problem is not None:
            log.warning("broker %s: %s; trying again", self.address.shown, problem)
            return
        level = logging.DEBUG if self._in_conflict else logging.INFO
        log.log(level, "broker %s: connected, %s", self.address.shown, self._version.present.value)

    def _note_conflict(self, uses: str) -> None:
        """Said once, however often two agents throw each other out."""
        device = self._client_id.removeprefix(CLIENT_PREFIX)
        self._conflict = f"another agent {uses} the device id {device}; give each a --device-id of its own"
        if not self._in_conflict:
            log.warning("broker %s: %s", self.address.shown, self._conflict)
        self._conflict_until_s = time.monotonic() + CONFLICT_REMEMBERED_S
        self._problem = self._conflict

    def _note_refusal(self, acknowledgement: Acknowledgement, refusal: str) -> None:
        """A broker that does not take a message of ours (MQTT 5 tells)."""
        if acknowledgement is Acknowledgement.TAKEN or refusal == self.refusal:
            return
        self.refusal = refusal
        if acknowledgement is Acknowledgement.NOT_NOW:
            advice = "events are kept and offered again; raise the broker's limits if this lasts"
        else:
            advice = "let this user publish under the agent's topics"
        log.warning("broker %s: refuses a message (%s); %s", self.address.shown, refusal, advice)

    def _note_refused_topics(self, topics: tuple[str, ...], refusal: str) -> None:
        """Nothing will arrive there: said once, and again only if it becomes another set of topics."""
        if topics and topics != self.refused_topics:
            what = f"refuses to subscribe us to {', '.join(topics)} ({refusal})"
            advice = "allow it in the broker's access rules (ACL)"
            log.warning("broker %s: %s; %s", self.address.shown, what, advice)
        self.refused_topics = topics
