"""A relay in front of a real broker that turns MQTT 5 away, as old and small brokers do."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

UNSUPPORTED_VERSION = bytes([0x20, 2, 0, 1])  # MQTT 3.1.1, 3.2: CONNACK with return code 1


class OldBroker:
    """Passes MQTT 3.1.1 on to `port`; to MQTT 5 it says `answer` and closes the connection.

    `tried` is the protocol level of each connection so far.
    """

    def __init__(self, port: int, answer: bytes = UNSUPPORTED_VERSION) -> None:
        self.tried: list[int] = []
        self._broker_port, self._answer = port, answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> OldBroker:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for channel in (self._listener, *self._open):
            _shut(channel)
            channel.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        first = client.recv(4096)
        level = first[first.index(b"MQTT") + 4]
        self.tried.append(level)
        if level == 5:
            client.sendall(self._answer)
            _shut(client)
            return
        try:
            broker = socket.create_connection(("127.0.0.1", self._broker_port))
        except OSError:
            _shut(client)
            return
        self._open.append(broker)
        broker.sendall(first)
        threading.Thread(target=_pump, args=(broker, client), daemon=True).start()
        _pump(client, broker)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
    _shut(target)


def _shut(channel: socket.socket) -> None:
    with contextlib.suppress(OSError):
        channel.shutdown(socket.SHUT_RDWR)
