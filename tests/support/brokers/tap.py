"""A relay before an MQTT broker that notes which messages the broker has acknowledged, whoever sent them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from tests.support.tools import PATIENCE_S

CONNECT, PUBLISH, PUBACK = 1, 3, 4
MQTT_5 = 5
POLL_S = 0.2
AT_ONCE = 65536


class Tap:
    """Listens on a port of its own and passes on every byte."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(POLL_S)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._acknowledged: list[tuple[str, bytes]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def acknowledged(self) -> list[tuple[str, bytes]]:
        """Topic and payload of the messages (QoS 1) that the broker has acknowledged, in that order."""
        with self._lock:
            return list(self._acknowledged)

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(PATIENCE_S)
        self._listener.close()

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port), 1)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            talk = _Talk(self._note)
            for source, target, heard in ((client, broker, talk.sent), (broker, client, talk.answered)):
                threading.Thread(target=_pump, args=(source, target, Packets(heard)), daemon=True).start()

    def _note(self, topic: str, payload: bytes) -> None:
        with self._lock:
            self._acknowledged.append((topic, payload))


class Packets:
    """Cuts a stream of bytes into MQTT control packets: type and flags, and body."""

    def __init__(self, heard: Callable[[int, bytes], None]) -> None:
        self._heard, self._waiting = heard, b""

    def feed(self, data: bytes) -> None:
        """More of the stream; calls `heard` with the first byte and the body of each packet in it."""
        self._waiting += data
        while len(self._waiting) >= 2:
            try:
                length, start = _number(self._waiting, 1)
            except IndexError:
                return
            if len(self._waiting) < start + length:
                return
            self._heard(self._waiting[0], self._waiting[start : start + length])
            self._waiting = self._waiting[start + length :]


class _Talk:
    """One connection: which message has which id."""

    def __init__(self, note: Callable[[str, bytes], None]) -> None:
        self._note = note
        self._version = 0
        self._open: dict[bytes, tuple[str, bytes]] = {}

    def sent(self, first: int, body: bytes) -> None:
        if first >> 4 == CONNECT:
            self._version = body[6]
        elif first >> 4 == PUBLISH and first >> 1 & 3 == 1:
            place = 2 + int.from_bytes(body[:2], "big")
            topic, identifier = body[2:place].decode(), body[place : place + 2]
            place += 2
            if self._version == MQTT_5:
                length, place = _number(body, place)
                place += length
            self._open[identifier] = topic, body[place:]

    def answered(self, first: int, body: bytes) -> None:
        if first >> 4 == PUBACK and body[:2] in self._open:
            self._note(*self._open.pop(body[:2]))


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A variable byte integer (MQTT 5, 1.5.5) and where it ends; raises IndexError where it is cut off."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _pump(source: socket.socket, target: socket.socket, packets: Packets) -> None:
    with contextlib.suppress(OSError):
        for data in _received(source):
            packets.feed(data)
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()


def _received(source: socket.socket) -> Iterator[bytes]:
    while data := source.recv(AT_ONCE):
        yield data
