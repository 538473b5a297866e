"""Is a lost source reachable again? Cheap probes, which cut a long wait short.

No probe sends a user's name or password, so it can't lock anybody out.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

# A camera that is plugged in again is found within this time; a server sees one short connection a second.
PROBE_EVERY_S = 1.0
# A server on the local network answers within milliseconds; a slower one is found by the next opening.
ANSWER_TIMEOUT_S = 1.0
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
# A frozen server still accepts connections: its kernel does. So it has to say something.
QUESTIONS = {
    "rtsp": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: edge-agent\r\n\r\n",
    "http": b"HEAD / HTTP/1.0\r\nUser-Agent: edge-agent\r\n\r\n",
}


def is_device_present(address: str) -> bool:
    """True if the device node of a camera by number or by path exists."""
    return Path(f"/dev/video{address}" if address.isdecimal() else address).exists()


def is_server_answering(address: str) -> bool:
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


class ReachabilityProbe:
    """Tells when a source is reachable again; each probe has a thread, as looking up a name can take long."""

    def __init__(self, name: str, is_reachable: Callable[[], bool]) -> None:
        self._name, self._is_reachable = name, is_reachable
        self._was_absent = self._returned = False
        self._probed_s = float("-inf")
        self._thread: threading.Thread | None = None

    def poll_return(self) -> bool:
        """True once for each return. Call it often: it probes once a second, one probe at a time."""
        now_s = time.monotonic()
        is_probing = self._thread is not None and self._thread.is_alive()
        if not is_probing and now_s - self._probed_s >= PROBE_EVERY_S:
            self._probed_s = now_s
            self._thread = threading.Thread(target=self._probe, name=self._name, daemon=True)
            self._thread.start()
        returned, self._returned = self._returned, False
        return returned

    def mark_present(self) -> None:
        """The source delivers, so it counts as reachable."""
        self._was_absent = self._returned = False

    def _probe(self) -> None:
        is_reachable = self._is_reachable()
        self._returned = is_reachable and self._was_absent
        self._was_absent = not is_reachable
