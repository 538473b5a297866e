"""An HTTP camera: ffmpeg serves one colour, or a recording in a loop, as MJPEG to one client."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.tools import free_port, need_program


def mjpeg_camera(colour: str) -> contextlib.AbstractContextManager[str]:
    """The address of a camera that shows one colour."""
    return _served("-f", "lavfi", "-i", f"color={colour}:size=160x120:rate=20")


def mjpeg_recording(video: Path) -> contextlib.AbstractContextManager[str]:
    """The address of a camera that shows a video again and again."""
    return _served("-stream_loop", "-1", "-i", str(video))


@contextlib.contextmanager
def _served(*source: str) -> Iterator[str]:
    """Its address, while the context lasts. Only the first connection is served."""
    address = f"http://127.0.0.1:{free_port()}/camera"
    command = [need_program("ffmpeg"), "-loglevel", "quiet", "-nostdin", "-re", *source]
    command += ["-c:v", "mjpeg", "-f", "mpjpeg", "-listen", "1", address]
    with subprocess.Popen(command) as process:
        try:
            yield address
        finally:
            process.kill()
            process.wait(10)
