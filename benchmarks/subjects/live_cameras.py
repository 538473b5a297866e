"""Stand-ins for paced live cameras, each for one client, in another process: HTTP, `rpicam-vid` and RTSP."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.cameras.rtsp_server import rtsp_camera
from tests.support.tools import free_port

FPS, REPEATS = 30, 60
RPICAM = """#!{python}
import itertools, sys, time
from pathlib import Path
parts = Path({pictures!r}).read_bytes().split(b"\\xff\\xd8\\xff")[1:]
due_s = time.monotonic()
for part in itertools.cycle(parts):
    sys.stdout.buffer.write(b"\\xff\\xd8\\xff" + part)
    sys.stdout.buffer.flush()
    due_s += 1 / {fps}
    time.sleep(max(0.0, due_s - time.monotonic()))
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A camera's address, and what the environment of whoever opens it must say."""

    address: str
    environment: Mapping[str, str] = field(default_factory=dict)


Camera = Callable[[Path], contextlib.AbstractContextManager[Place]]  # of an empty folder


def http_camera(clip: Path) -> Camera:
    """A clip of JPEGs over and over, from ffmpeg as a server."""

    @contextlib.contextmanager
    def camera(_folder: Path) -> Iterator[Place]:
        address = f"http://127.0.0.1:{free_port()}/camera"
        command = ["ffmpeg", "-loglevel", "quiet", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(clip)]
        command += ["-c", "copy", "-f", "mpjpeg", "-listen", "1", address]
        with subprocess.Popen(command) as process:
            try:
                yield Place(address)
            finally:
                process.kill()

    return camera


def csi_camera(jpegs: Path, size: str) -> Camera:
    """A file of JPEGs end to end, over and over, from a program called `rpicam-vid`."""

    @contextlib.contextmanager
    def camera(folder: Path) -> Iterator[Place]:
        program = folder / "rpicam-vid"
        program.write_text(RPICAM.format(python=sys.executable, pictures=str(jpegs), fps=FPS))
        program.chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        yield Place(f"csi://0?size={size}&fps={FPS}", {"PATH": path})

    return camera


def rtsp_clip(once: Path, clip: Path) -> Camera:
    """H.264 from GStreamer's server, which serves `once` over and over, for minutes."""
    if not clip.is_file():
        ffmpeg("-stream_loop", str(REPEATS), "-i", str(once), "-c", "copy", str(clip))

    @contextlib.contextmanager
    def camera(_folder: Path) -> Iterator[Place]:
        with rtsp_camera(0, video=clip) as (address, _):
            yield Place(address)

    return camera


def ffmpeg(*arguments: str) -> None:
    """Run it to its end; raises CalledProcessError."""
    subprocess.run(["ffmpeg", "-loglevel", "error", "-nostdin", "-y", *arguments], check=True)
