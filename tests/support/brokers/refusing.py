"""A relay before an MQTT 5 broker that refuses events itself, for a reason that none gives on demand."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from tests.support.brokers.tap import PUBLISH, Packets

PUBACK = 0x40
NOT_AUTHORIZED, QUOTA_EXCEEDED = 0x87, 0x97


class Refusing:
    """Passes packets on; while `code` is set, what goes to topics ending in `leaf` is answered with it.

    refused: of each such event, what follows its packet identifier.
    """

    def __init__(self, broker_port: int, code: int | None, leaf: bytes = b"/event") -> None:
        self.code, self._leaf = code, leaf
        self.refused: list[bytes] = []
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Refusing:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for channel in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()

    def _serve(self) -> None:
        """One connection: a test's agent makes no other."""
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        broker = socket.create_connection(("127.0.0.1", self._broker_port))
        self._open += [client, broker]
        threading.Thread(target=_pass_on, args=(broker, client), daemon=True).start()

        def heard(first: int, body: bytes) -> None:
            identifier, rest = _publish(first, body, self._leaf)
            if identifier and self.code is not None:
                self.refused.append(rest)
                client.sendall(bytes([PUBACK, 3]) + identifier + bytes([self.code]))
            else:
                broker.sendall(bytes([first]) + _length(len(body)) + body)

        packets = Packets(heard)
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                packets.feed(data)


def _publish(first: int, body: bytes, leaf: bytes) -> tuple[bytes, bytes]:
    """The packet identifier of such a PUBLISH, and what follows it; empty for any other packet."""
    end = 2 + int.from_bytes(body[:2], "big")
    if first >> 4 != PUBLISH or not body[2:end].endswith(leaf):
        return b"", b""
    return body[end : end + 2], body[end + 2 :]


def _length(value: int) -> bytes:
    """A variable byte integer (MQTT 5, 1.5.5)."""
    encoded = bytearray()
    while True:
        value, low = divmod(value, 128)
        encoded.append(low | (128 if value else 0))
        if not value:
            return bytes(encoded)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
