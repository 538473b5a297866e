"""Is a source that was lost there again? Cheap looks, which cut a long wait short.

No look sends a user's name or password, so it can't lock anybody out.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

LOOK_EVERY_S = 1.0
ANSWER_TIMEOUT_S = 1.0
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
# A frozen server still accepts connections: its kernel does. So it has to say something.
QUESTIONS = {
    "rtsp": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: edge-agent\r\n\r\n",
    "http": b"HEAD / HTTP/1.0\r\nUser-Agent: edge-agent\r\n\r\n",
}


def device_is_there(address: str) -> bool:
    """True if the device node of a camera by number or by path exists."""
    return Path(f"/dev/video{address}" if address.isdecimal() else address).exists()


def server_answers(address: str) -> bool:
    """True if a stream's server takes a connection and, unless it speaks TLS, says anything."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
        with socket.create_connection((host, port), ANSWER_TIMEOUT_S) as connection:
            question = QUESTIONS.get(parts.scheme)
            if question is None:
                return True
            connection.sendall(question)
            return bool(connection.recv(1))
    except (OSError, ValueError):  # ValueError: a port that is no number, a host name that is none
        return False


class Lookout:
    """Tells when a source is there that was not; each look has a thread, as names can take long."""

    def __init__(self, name: str, is_there: Callable[[], bool]) -> None:
        self._name, self._is_there = name, is_there
        self._was_absent = self._returned = False
        self._looked_s = float("-inf")
        self._thread: threading.Thread | None = None

    def sees_return(self) -> bool:
        """True once for each return. To be asked often: it looks once a second, one look at a time."""
        now_s = time.monotonic()
        is_looking = self._thread is not None and self._thread.is_alive()
        if not is_looking and now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._thread = threading.Thread(target=self._look, name=self._name, daemon=True)
            self._thread.start()
        returned, self._returned = self._returned, False
        return returned

    def forget(self) -> None:
        """The source delivers: it counts as there."""
        self._was_absent = self._returned = False

    def _look(self) -> None:
        there = self._is_there()
        self._returned = there and self._was_absent
        self._was_absent = not there
