"""An HTTP camera: ffmpeg serves one colour as MJPEG to one client."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from tests.support.tools import free_port, need_program


@contextlib.contextmanager
def mjpeg_camera(colour: str) -> Iterator[str]:
    """Its address, while the context lasts. Only the first connection is served."""
    address = f"http://127.0.0.1:{free_port()}/camera"
    command = [need_program("ffmpeg"), "-loglevel", "quiet", "-nostdin", "-re"]
    command += ["-f", "lavfi", "-i", f"color={colour}:size=160x120:rate=20"]
    command += ["-c:v", "mjpeg", "-f", "mpjpeg", "-listen", "1", address]
    with subprocess.Popen(command) as process:
        try:
            yield address
        finally:
            process.kill()
            process.wait(10)
