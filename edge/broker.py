"""One connection to an MQTT broker, kept alive: addresses, login, back-off, and what went wrong in words.

Each attempt uses a new paho client. paho's own queue would send old retained states after a reconnect;
a new client has none, so what is sent again is decided by our user and nobody else. paho's callbacks only
leave a note: it holds locks of its own while it calls them, and a callback that publishes can deadlock.
"""

from __future__ import annotations

import logging
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.errors import BrokerUnavailableError, ThreadStuckError, UsageError
from edge.records import Message

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
CONNECT_TIMEOUT_S = 5.0
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
HEARTBEAT_S = 1.0
LASTING_S = 10.0  # a shorter connection was thrown out: by another client with our id, for instance
PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and who we are there; the password is never shown."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    @property
    def shown(self) -> str:
        """The address for logs, without user and password."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_broker_url(url: str, password: str | None = None, ca_file: Path | None = None) -> BrokerAddress:
    """`mqtt://user@host:1883` or `mqtts://host` as an address; raises UsageError."""
    advice = "write mqtt://user@host:1883, mqtts://host:8883 or embedded"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError("can't use the broker address", str(error), advice) from error
    if parts.scheme not in PORTS or not parts.hostname:
        shown = f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else url.rpartition("@")[2]
        raise UsageError(f"can't use the broker {shown}", "not an MQTT address", advice)
    if parts.password is not None:
        why = "a password in an address ends up in logs and process lists"
        what_to_do = "put it in EDGE_AGENT_BROKER_PASSWORD or a password_file"
        raise UsageError(f"can't use the broker {parts.scheme}://{parts.hostname}", why, what_to_do)
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as error:
        raise UsageError(f"can't use the broker {parts.hostname}", str(error), advice) from error
    username = unquote(parts.username) if parts.username else None
    return BrokerAddress(parts.hostname, port, parts.scheme == "mqtts", username, password, ca_file)


def new_client(address: BrokerAddress, client_id: str, *, reconnect: bool = False) -> paho.Client:
    """A paho client with login and TLS set; raises BrokerUnavailableError for an unusable CA file."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, reconnect_on_failure=reconnect
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        try:
            context = ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)
        except (OSError, ssl.SSLError) as error:
            raise BrokerUnavailableError(f"can't use the CA file {address.ca_file}", str(error)) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        client.tls_set_context(context)
    return client


def reason(error: Exception) -> str:
    """Why a connection failed, without the error's number."""
    strerror = getattr(error, "strerror", None)
    return strerror.lower() if strerror else str(error)


class _Sign(Enum):
    """What paho's callbacks report, beside the ids of acknowledged messages."""

    UP = auto()
    DOWN = auto()


@dataclass(frozen=True, slots=True)
class ConnectionCallbacks:
    """on_up after each login, on_acknowledged with a publish's id, on_down: in the connection's thread."""

    on_up: Callable[[], None]
    on_down: Callable[[], None]
    on_acknowledged: Callable[[int], None]


class BrokerConnection:
    """Keeps one connection up until it is stopped; never blocks its user."""

    def __init__(
        self, address: BrokerAddress, client_id: str, will: Message, callbacks: ConnectionCallbacks
    ) -> None:
        self.address = address
        self.logins = 0
        self.problem: str | None = "not connected yet"
        self.alive_s = time.monotonic()  # when our thread last moved
        self._client_id, self._will, self._callbacks = client_id, will, callbacks
        self._client: paho.Client | None = None
        self._signs: queue.SimpleQueue[_Sign | int] = queue.SimpleQueue()
        self._up, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_connected, name="broker", daemon=True)

    @property
    def connected(self) -> bool:
        """True between a successful login and the loss of the connection."""
        return self._up.is_set()

    def start(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost."""
        self._thread.start()

    def wait_until_up(self, timeout_s: float) -> bool:
        """True as soon as the connection is up, false after `timeout_s`."""
        return self._up.wait(timeout_s)

    def publish(self, message: Message) -> int | None:
        """Send a message and return its id; None if there is no connection."""
        client = self._client
        if client is None or not self.connected:
            return None
        info = client.publish(message.topic, message.payload, message.qos, message.retain)
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None

    def stop(self) -> None:
        """Disconnect cleanly and end the thread; raises ThreadStuckError if it does not end."""
        self._stop.set()
        self._signs.put(_Sign.DOWN)
        if self._thread.ident is None:
            return
        self._thread.join(2 * CONNECT_TIMEOUT_S)
        if self._thread.is_alive():
            raise ThreadStuckError(f"broker {self.address.shown}: its thread did not stop")

    def _keep_connected(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stop.is_set():
            self.alive_s = started_s = time.monotonic()
            if self._connect_once() and time.monotonic() - started_s > LASTING_S:
                retry_s = FIRST_RETRY_S
            self._rest(retry_s * random.uniform(0.5, 1.0))  # noqa: S311 (spread, not secrecy)
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _rest(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            self.alive_s = time.monotonic()
            self._stop.wait(min(left_s, HEARTBEAT_S))

    def _connect_once(self) -> bool:
        """One attempt, until the connection is over; true if the login succeeded."""
        signs: queue.SimpleQueue[_Sign | int] = queue.SimpleQueue()
        self._signs = signs
        try:
            client = self._new_client(signs)
            client.connect(self.address.host, self.address.port, KEEPALIVE_S)
        except (OSError, ValueError, BrokerUnavailableError) as error:
            self._note(f"unreachable ({reason(error)})")
            return False
        self._client = client
        client.loop_start()
        was_up = self._serve(signs)
        self._up.clear()
        self._client = None
        client.disconnect()
        client.loop_stop()
        self._callbacks.on_down()
        return was_up

    def _new_client(self, signs: queue.SimpleQueue[_Sign | int]) -> paho.Client:
        client = new_client(self.address, self._client_id)
        client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)

        def on_connect(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
            if code.is_failure:
                self._note(f"refuses the login ({str(code).lower()}); check the user and the password")
            else:
                signs.put(_Sign.UP)

        def on_disconnect(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
            if self.connected and not self._stop.is_set():
                self._note(f"connection lost ({str(code).lower()})")
            signs.put(_Sign.DOWN)

        def on_publish(_client: Any, _data: Any, mid: int, _code: Any, _properties: Any) -> None:
            signs.put(mid)

        client.on_connect, client.on_disconnect, client.on_publish = on_connect, on_disconnect, on_publish
        return client

    def _serve(self, signs: queue.SimpleQueue[_Sign | int]) -> bool:
        """Pass on what paho reports until the connection is over; true if there was a login."""
        while not self._stop.is_set():
            self.alive_s = time.monotonic()
            try:
                sign = signs.get(timeout=HEARTBEAT_S if self.connected else CONNECT_TIMEOUT_S)
            except queue.Empty:
                if self.connected:
                    continue
                self._note("unreachable (it takes the connection and does not answer)")
                break
            if sign is _Sign.UP:
                self.logins += 1
                self._note(None)
                self._up.set()
                self._callbacks.on_up()
            elif sign is _Sign.DOWN:
                break
            else:
                self._callbacks.on_acknowledged(sign)
        return self.connected

    def _note(self, problem: str | None) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem is None:
            log.info("broker %s: connected", self.address.shown)
        else:
            log.warning("broker %s: %s; trying again", self.address.shown, problem)
