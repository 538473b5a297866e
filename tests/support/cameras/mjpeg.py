"""HTTP cameras: MJPEG of one colour in several wrappings, or of a recording in a loop."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Literal

import cv2

from tests.support.brokers.certificates import Certificates
from tests.support.cameras.videos import picture
from tests.support.tools import PATIENCE_S, free_port, need_program

FPS = 20
Form = Literal["lengths", "bare", "chunked", "untold"]


class MjpegCamera:
    """Serves while the context lasts, with a `login` (`user:password`) only who knows it; /moved leads to it.

    form: parts with or without a length, in chunks, or `untold` that they are parts; digest: how to log in.
    broken: set it, and each picture is damaged from then on. asked, tried: how many came, and with a login.
    """

    def __init__(
        self, label: str, port: int = 0, login: str = "", form: Form = "lengths", *, digest: bool = False
    ) -> None:
        self.broken, self.form, self._digest = False, form, digest
        self.asked = self.tried = 0
        self._login = login
        self.show(label)
        self._done = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/camera"

    def encrypt(self, certificates: Certificates) -> None:
        """Speak TLS only; before the context is entered."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.address = self.address.replace("http:", "https:")

    def show(self, label: str, width: int = 160, height: int = 120) -> None:
        """What to send from now on, in mid-stream too."""
        self._jpeg = cv2.imencode(".jpg", picture(label, width, height))[1].tobytes()

    def __enter__(self) -> MjpegCamera:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def challenge(self) -> str:
        """What who is not let in is asked for."""
        return 'Digest realm="camera", nonce="0a4f", qop="auth"' if self._digest else 'Basic realm="camera"'

    def lets_in(self, given: str | None) -> bool:
        """Whether who gives this may see the pictures."""
        if not self._login:
            return True
        if not self._digest:
            return given == f"Basic {base64.b64encode(self._login.encode()).decode()}"
        if given is None:
            return False
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', given.partition(" ")[2]))
        user, password = self._login.split(":")
        one, two = _md5(f"{user}:camera:{password}"), _md5(f"GET:{said['uri']}")
        wanted = _md5(f"{one}:0a4f:{said['nc']}:{said['cnonce']}:auth:{two}")
        return said["response"] == wanted

    def send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        """One after the other, until the context ends."""
        while not self._done.wait(1 / FPS):
            jpeg = self._jpeg
            if self.broken:
                jpeg = jpeg[:200] + bytes(len(jpeg) - 200)
            length = "" if self.form == "bare" else f"Content-Length: {len(jpeg)}\r\n"
            head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n"
            part = head.encode() + jpeg + b"\r\n"
            if self.form == "chunked":
                part = f"{len(part):x}\r\n".encode() + part + b"\r\n"
            handler.wfile.write(part)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def mjpeg_recording(video: Path) -> Iterator[str]:
    """The address of a camera that shows a video again and again, to its first caller only."""
    address = f"http://127.0.0.1:{free_port()}/camera"
    command = [need_program("ffmpeg"), "-loglevel", "quiet", "-nostdin", "-re", "-stream_loop", "-1"]
    command += ["-i", str(video), "-c:v", "mjpeg", "-f", "mpjpeg", "-listen", "1", address]
    with subprocess.Popen(command) as process:
        try:
            yield address
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def _handler_of(camera: MjpegCamera) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

        def do_GET(self) -> None:
            camera.asked += 1
            given = self.headers["Authorization"]
            camera.tried += given is not None
            if self.path == "/moved":
                self.send_response(HTTPStatus.FOUND)
                self.send_header("Location", "/camera")
                self.end_headers()
                return
            if not camera.lets_in(given):
                self.send_response(HTTPStatus.UNAUTHORIZED)
                self.send_header("WWW-Authenticate", camera.challenge)
                self.end_headers()
                return
            self._answer()

        def _answer(self) -> None:
            if camera.form == "chunked":
                self.protocol_version = "HTTP/1.1"
            self.send_response(HTTPStatus.OK)
            mixed = "multipart/x-mixed-replace;boundary=frame"
            self.send_header("Content-Type", "application/octet-stream" if camera.form == "untold" else mixed)
            if camera.form == "chunked":
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                camera.send_pictures(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
