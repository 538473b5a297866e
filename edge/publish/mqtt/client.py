"""paho-mqtt's one home: a client for a single connection, and what its callbacks say, as signs in a queue.

paho's own queue would send old retained states after a reconnect; a new client for each connection has none,
and a clean start leaves none at the broker. paho holds locks of its own while it calls back, and a callback
that publishes can deadlock: so its callbacks only leave signs.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.publish.mqtt.address import BrokerAddress, tls_context
from edge.records import Message

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
MAX_WAITING = 2_000
MAX_PAYLOAD_BYTES = 16_384
# MQTT 5.0, 2.4; paho gives the refusals of MQTT 3.1.1 these numbers too.
UNSPECIFIED, UNSUPPORTED_VERSION, INVALID_CLIENT_ID, TAKEN_OVER = 0x80, 0x84, 0x85, 0x8E
# The only place where paho tells a TLS alert: its log.
RECEIVE_ERROR = re.compile(r"failed to receive on socket: (\[[^\]]*\] )?(?P<why>.*?)( \(_ssl\.c:\d+\))?")
LOGIN_REFUSALS = frozenset({0x86, 0x87, 0x8A, 0x8C})
# Refusals of a publish that can pass (MQTT 5.0, table 3-4): its id is in use, a quota is exceeded. The others
# name a fault of the message or of our rights, or nothing that will pass (0x80, 0x83): an event that the
# broker never wants would hold up all that come after it, if it were kept.
PASSING_REFUSALS = frozenset({0x91, 0x97})


class Protocol(Enum):
    """The versions of MQTT that we speak."""

    MQTT_5 = "MQTT 5"
    MQTT_3 = "MQTT 3.1.1"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The broker has let us in."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker answers, and does not let us in: the reason's number and words."""

    code: int
    words: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is over: the reason's number and words."""

    code: int
    words: str


class Answer(Enum):
    """What a broker says to a message."""

    TAKEN = auto()
    REFUSED = auto()
    NOT_NOW = auto()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has answered a publish; `refusal` says why it does not take it, empty where it does."""

    mid: int
    answer: Answer = Answer.TAKEN
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker has answered the subscriptions: the topics that it refuses, and its words for the first."""

    refused: tuple[str, ...] = ()
    refusal: str = ""


Sign = LoggedIn | Refused | Closed | Acknowledged | Subscribed | Message


class _AnswersAlone(paho.Client):
    """Calls `on_answer` when the broker has answered a publish, and nobody for one at QoS 0.

    paho's `on_publish` is called for those too, with objects made for it: several times what sending costs.
    """

    on_answer: Callable[[int, ReasonCode], None] | None = None

    def _do_on_publish(self, mid: int, reason_code: ReasonCode, properties: Properties) -> MQTTErrorCode:
        if self.on_answer is not None:
            self.on_answer(mid, reason_code)
        return super()._do_on_publish(mid, reason_code, properties)


class _TroubleHandler(logging.Handler):
    """Hears paho's errors; its `on_log` would have every packet put into words."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard(record.getMessage())


class Client:
    """One connection, from connect to close."""

    def __init__(
        self, address: BrokerAddress, client_id: str, protocol: Protocol, will: Message | None = None
    ) -> None:
        """Raises ConfigError for certificates that can't be used."""
        self.signs: queue.SimpleQueue[Sign] = queue.SimpleQueue()
        self._address, self._protocol = address, protocol
        self._trouble = ""
        self._flooded = False
        self._topics: tuple[str, ...] = ()
        self._paho = self._new_paho(client_id)
        if will is not None:
            self._paho.will_set(will.topic, will.payload, will.qos, will.retain)

    def connect(self) -> None:
        """Open the connection and ask to be let in; raises OSError or ValueError."""
        options: dict[str, Any] = {}
        if self._protocol is Protocol.MQTT_5:
            properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
            options = {"clean_start": True, "properties": properties}
        self._paho.connect(self._address.host, self._address.port, self._address.keepalive_s, **options)
        self._paho.loop_start()

    def publish(self, message: Message) -> int | None:
        """Send a message and return its id; None if the connection is gone."""
        info = self._paho.publish(message.topic, message.payload, message.qos, message.retain)
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for what is published there, at QoS 1; once in a connection."""
        self._topics = tuple(topics)
        if self._topics:
            self._paho.subscribe([(topic, 1) for topic in self._topics])

    def close(self) -> None:
        """Say goodbye, as far as the network takes it, and let go of the connection."""
        self._paho.disconnect()
        deadline_s = time.monotonic() + CLOSE_TIMEOUT_S
        while (channel := self._paho.socket()) is not None and time.monotonic() < deadline_s:
            time.sleep(0.005)
        if channel is not None:
            # The goodbye does not leave, as when the network is cut: paho would wait for the keep-alive.
            with contextlib.suppress(OSError):
                cast(socket.socket, channel).shutdown(socket.SHUT_RDWR)
        self._paho.loop_stop()
        # paho closes its last two sockets when it is deleted, which a circle of references puts off
        self._paho.on_connect = self._paho.on_disconnect = None
        self._paho.on_publish = self._paho.on_message = self._paho.on_subscribe = None
        self._paho.on_answer = None
        self._paho.disable_logger()

    def _new_paho(self, client_id: str) -> _AnswersAlone:
        five = self._protocol is Protocol.MQTT_5
        client = _AnswersAlone(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.suppress_exceptions = True  # one would end paho's thread in silence
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls:
            client.tls_set_context(tls_context(self._address))
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message, client.on_subscribe = self._on_message, self._on_subscribe
        if hasattr(paho.Client, "_do_on_publish"):
            client.on_answer = self._on_answer
        else:  # not paho's public interface: a later version may do without it
            client.on_publish = lambda _client, _data, mid, code, _properties: self._on_answer(mid, code)
        logger = logging.Logger("paho", logging.ERROR)
        logger.addHandler(_TroubleHandler(self._note_trouble))
        client.enable_logger(logger)
        return client

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        failed = code.is_failure
        self.signs.put(Refused(code.value, str(code).lower()) if failed else LoggedIn())

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        self.signs.put(Closed(code.value, self._trouble or str(code).lower()))

    def _on_answer(self, mid: int, code: ReasonCode) -> None:
        if not code.is_failure:
            self.signs.put(Acknowledged(mid))
            return
        answer = Answer.NOT_NOW if code.value in PASSING_REFUSALS else Answer.REFUSED
        self.signs.put(Acknowledged(mid, answer, str(code).lower()))

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, codes: list[ReasonCode], _more: Any) -> None:
        answers = zip(self._topics, codes, strict=False)  # a broker may answer less than it was asked
        refusals = {topic: str(code).lower() for topic, code in answers if code.is_failure}
        self.signs.put(Subscribed(tuple(refusals), next(iter(refusals.values()), "")))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if len(message.payload) > MAX_PAYLOAD_BYTES or self.signs.qsize() >= MAX_WAITING:
            if not self._flooded:
                log.warning("broker %s: too much arrives; some of it is dropped", self._address.shown)
            self._flooded = True
            return
        self.signs.put(Message(message.topic, bytes(message.payload), message.qos, message.retain))

    def _note_trouble(self, text: str) -> None:
        if found := RECEIVE_ERROR.fullmatch(text):
            self._trouble = found["why"].lower()
