"""A TCP relay before a server, which can damage what comes from it."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from types import TracebackType

CHUNK_BYTES = 1 << 14


class Relay:
    """Listens on a loopback port while the context lasts. damage: the share of bytes that it flips."""

    def __init__(self, port: int) -> None:
        self.damage = 0.0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._random = random.Random(1)

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for pair, damages in (((client, server), False), ((server, client), True)):
                threading.Thread(target=self._pass_on, args=(*pair, damages), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, damages: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                target.sendall(self._damaged(data) if damages and self.damage else data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _damaged(self, data: bytes) -> bytes:
        flipped = bytearray(data)
        for at in range(len(flipped)):
            if self._random.random() < self.damage:
                flipped[at] ^= 1 << self._random.randrange(8)
        return bytes(flipped)
