"""`--metrics`: GET /metrics for Prometheus, with few threads, each with little time.

The record is made by the agent's own loop when a scrape asks for it: so nothing is shared between threads but
a finished record, and a loop that hangs shows as a failed scrape.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edge.errors import ListenError
from edge.monitoring.metrics import CONTENT_TYPE, rendered

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 4
CONNECTION_S = 5.0  # in all: also for a client that sends or takes one byte at a time
ANSWER_S = 3.0
POLL_S = 0.2


class MetricsServer:
    """Serves the page until it is closed; `wanted` and `answer` are for the agent's loop."""

    def __init__(
        self, host: str, port: int, *, connection_s: float = CONNECTION_S, answer_s: float = ANSWER_S
    ) -> None:
        """Listen; port 0 takes any. Raises ListenError where that can't be.

        connection_s: after so long a connection is cut; answer_s: the loop has so long to give a record.
        """
        self.connection_s, self._answer_s = connection_s, answer_s
        self._changed = threading.Condition()
        self._asked = self._answered = 0
        self._record: Mapping[str, Any] = {}
        try:
            self._server = _Server((host, port), self)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            what = f"can't serve metrics at {host}:{port}"
            raise ListenError(what, why.lower(), "choose another address or port with --metrics") from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="metrics", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        host = str(self._server.server_address[0])
        shown = f"[{host}]" if ":" in host else host
        log.info("metrics at http://%s:%d/metrics", shown, self.port)
        if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            log.warning("metrics at %s can be read by anybody in the network: they have no password", shown)
        self._thread.start()

    @property
    def wanted(self) -> bool:
        """True while a scrape waits for a record."""
        return self._asked > self._answered

    def answer(self, record: Mapping[str, Any]) -> None:
        """Give a record to all scrapes that wait."""
        with self._changed:
            self._record, self._answered = record, self._asked
            self._changed.notify_all()

    def page(self) -> str | None:
        """The page as of now; None if the loop gives no record in time."""
        with self._changed:
            self._asked += 1
            mine = self._asked
            if not self._changed.wait_for(lambda: self._answered >= mine, self._answer_s):
                return None
            record = self._record
        return rendered(record)

    def close(self) -> None:
        """Leave the port; open connections are cut."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(self.connection_s)
        self._server.cut(0.0)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """At most MAX_CONNECTIONS at a time, none for longer than it may; more are closed unanswered."""

    daemon_threads = True
    request_queue_size = 2 * MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int], metrics: MetricsServer) -> None:
        self.metrics = metrics
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of our own name, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._lock:
            if len(self._open) >= MAX_CONNECTIONS:
                return False
            self._open[request] = time.monotonic()
            return True

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        self.cut(self.metrics.connection_s)

    def cut(self, age_s: float) -> None:
        """End the connections of this age and above: their threads then get an error or an end."""
        with self._lock:
            for request, since_s in self._open.items():
                if time.monotonic() - since_s >= age_s:
                    with contextlib.suppress(OSError):
                        request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a connection for metrics failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """GET /metrics and nothing else; nothing that came in is ever sent back or logged."""

    server: _Server
    timeout = CONNECTION_S
    server_version, sys_version = "edge-agent", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self._send(HTTPStatus.NOT_FOUND, "only /metrics is here\n")
            return
        page = self.server.metrics.page()
        if page is None:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "the agent's loop does not answer\n")
        else:
            self._send(HTTPStatus.OK, page)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        self._send(HTTPStatus(code), f"{HTTPStatus(code).phrase}\n")

    def _send(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is given)
        """Nothing: a scraper comes every few seconds."""
