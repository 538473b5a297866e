"""HTTP cameras: MJPEG of one colour, whole pictures or broken ones, or of a recording in a loop."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import cv2

from tests.support.tools import free_port, need_program
from tests.support.videos import picture

FPS = 20


class MjpegCamera:
    """Serves while the context lasts, with a `login` (`user:password`) only who knows it.

    broken: set it, and each picture is damaged from then on.
    """

    def __init__(self, label: str, port: int = 0, login: str = "") -> None:
        self.broken = False
        self.show(label)
        self._done = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

            def do_GET(self) -> None:
                wanted = f"Basic {base64.b64encode(login.encode()).decode()}"
                if login and self.headers["Authorization"] != wanted:
                    self.send_response(HTTPStatus.UNAUTHORIZED)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                    return
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
                self.end_headers()
                try:
                    camera._send_pictures(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/camera"

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

    def _send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        while not self._done.wait(1 / FPS):
            jpeg = self._jpeg
            if self.broken:
                jpeg = jpeg[:200] + bytes(len(jpeg) - 200)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            handler.wfile.write(head.encode() + jpeg + b"\r\n")


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
            process.wait(10)
