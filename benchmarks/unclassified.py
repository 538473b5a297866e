"""Processor time of the agent for each picture that a live camera sends, where it classifies few of them.

Run: python -m benchmarks.unclassified [--fps 5] [--runs 5] [--source http csi rtsp]
Cameras of 1,920×1,080 at 30 a second: JPEGs over HTTP, a stand-in for `rpicam-vid`, H.264 over RTSP. In turn:
the agent decoding every picture, as it used to, HTTP through FFmpeg; the agent as it is; and a process that
only takes the pictures over.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.rtsp_server import rtsp_camera
from tests.support.tools import free_port

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "colours.tflite"
ROOT = Path(__file__).parents[1]
FPS, CLIP_S, WARM_S, MEASURED_S, START_S = 30, 30, 1.0, 3.0, 20.0
EVERY_PICTURE = """
import edge.camera.reader_thread as thread, edge.camera.readers as readers
thread.GrabbingReader = type("Nothing", (), {})
readers.has_own_options = lambda: True
"""
AGENT = "import edge.cli; edge.cli.main()"
TAKES_OVER = """
import contextlib, sys
from edge.camera.readers import opener
from edge.camera.sources import parse_source
reader = opener(parse_source(sys.argv[1]))()
for number in range(1, 10**9):
    reader.grab()
    print(number, flush=True) if number % 30 == 0 else None
"""
RPICAM = """#!{python}
import itertools, sys, time
data = open({clip!r}, "rb").read()
starts = [at for at in range(len(data)) if data.startswith(b"\\xff\\xd8\\xff", at)]
pictures = [data[a:b] for a, b in itertools.pairwise([*starts, len(data)])]
due_s = time.monotonic()
for picture in itertools.cycle(pictures):
    sys.stdout.buffer.write(picture)
    sys.stdout.buffer.flush()
    due_s += 1 / 30
    time.sleep(max(0, due_s - time.monotonic()))
"""


def main() -> None:
    """Measure and print a table for each source."""
    parser = argparse.ArgumentParser(description="what pictures cost that are not classified")
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", type=Path, default=GOLDEN)
    parser.add_argument("--source", choices=SOURCES, nargs="+", default=list(SOURCES))
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, --fps {options.fps:g}")
    print(f"{'ms of processor a picture':26}{'every one decoded':>24}{'now':>24}{'only taken over':>24}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_clips(folder)
        for source in options.source:
            rounds = []
            for _ in range(options.runs):
                rounds.append(_round(SOURCES[source], folder, options))
                print(f"  {source}, one round: {rounds[-1]}", file=sys.stderr, flush=True)
            columns = [_shown(values) for values in zip(*rounds, strict=True)]
            print(f"{source:26}" + "".join(f"{column:>24}" for column in columns))
            print(
                f"{'now / every one':26}{_shown([now / before for before, now, _ in rounds]):>24}", flush=True
            )


def _round(
    source: Callable[[Path], contextlib.AbstractContextManager[str]],
    folder: Path,
    options: argparse.Namespace,
) -> tuple[float, float, float]:
    agent = ["--model", str(options.model), "--fps", str(options.fps), "--stdout"]
    with source(folder) as address:
        before = _agent(EVERY_PICTURE + AGENT, [*agent, "--camera", f"cam={address}"], folder)
    with source(folder) as address:
        now = _agent(AGENT, [*agent, "--camera", f"cam={address}"], folder)
    with source(folder) as address:
        least = _measured([sys.executable, "-c", TAKES_OVER, address], _lines, folder)
    return before, now, least


def _agent(program: str, arguments: list[str], folder: Path) -> float:
    port = free_port()

    def pictures(_process: subprocess.Popen[bytes]) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                found = re.search(rb"frames_received_total\{[^}]*\} (\d+)", answer.read())
        except (urllib.error.URLError, ConnectionError):
            return 0
        return int(found[1]) if found else 0

    settings = folder / "agent.toml"
    settings.write_text(f'metrics = "127.0.0.1:{port}"\n')
    command = [sys.executable, "-c", program, "--config", str(settings), *arguments]
    return _measured(command, pictures, folder)


def _lines(process: subprocess.Popen[bytes]) -> int:
    """What a process that only takes pictures over has counted."""
    assert process.stdout is not None
    return int(process.stdout.readline() or 0)


def _measured(command: list[str], pictures: Callable[[subprocess.Popen[bytes]], int], folder: Path) -> float:
    """Milliseconds of processor a picture, from a while after the first one on."""
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    own_output = pictures is _lines
    output = subprocess.PIPE if own_output else subprocess.DEVNULL
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=output, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline_s = time.monotonic() + START_S
            while not pictures(process):
                if time.monotonic() > deadline_s or process.poll() is not None:
                    raise SystemExit(f"no pictures: {' '.join(command[3:])}")
                time.sleep(0.1)
            looks = []
            for pause_s in (WARM_S, MEASURED_S):
                end_s = time.monotonic() + pause_s
                while time.monotonic() < end_s:
                    _lines(process) if own_output else time.sleep(pause_s)
                count = pictures(process)
                looks.append((_processor_ms(process.pid), count))
        finally:
            process.kill()
    (first_ms, first), (last_ms, last) = looks
    return (last_ms - first_ms) / max(1, last - first)


def _processor_ms(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e6


def _shown(values: list[float] | tuple[float, ...]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _make_clips(folder: Path) -> None:
    picture = ["-f", "lavfi", "-i", f"testsrc2=size=1920x1080:rate={FPS},noise=alls=8:allf=t", "-t", "1"]
    _ffmpeg(*picture, "-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p", str(folder / "clip.avi"))
    _ffmpeg("-i", str(folder / "clip.avi"), "-c", "copy", "-f", "mjpeg", str(folder / "clip.mjpeg"))
    once, clip = str(folder / "once.mp4"), str(folder / "clip.mp4")
    _ffmpeg(*picture, "-c:v", "libx264", "-preset", "superfast", "-b:v", "8M", "-bf", "0", "-g", "30", once)
    _ffmpeg("-stream_loop", str(CLIP_S), "-i", once, "-c", "copy", clip)
    program = folder / "rpicam-vid"
    program.write_text(RPICAM.format(python=sys.executable, clip=str(folder / "clip.mjpeg")))
    program.chmod(0o755)


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-loglevel", "error", "-nostdin", "-y", *arguments], check=True)


@contextlib.contextmanager
def _http(folder: Path) -> Iterator[str]:
    address = f"http://127.0.0.1:{free_port()}/camera"
    command = ["ffmpeg", "-loglevel", "quiet", "-nostdin", "-re", "-stream_loop", "-1"]
    command += ["-i", str(folder / "clip.avi"), "-c", "copy", "-f", "mpjpeg", "-listen", "1", address]
    with subprocess.Popen(command) as process:
        try:
            yield address
        finally:
            process.kill()


@contextlib.contextmanager
def _csi(_folder: Path) -> Iterator[str]:
    yield f"csi://0?size=1920x1080&fps={FPS}"


@contextlib.contextmanager
def _rtsp(folder: Path) -> Iterator[str]:
    with rtsp_camera(0, video=folder / "clip.mp4") as (address, _):
        yield address


SOURCES = {"http": _http, "csi": _csi, "rtsp": _rtsp}

if __name__ == "__main__":
    main()
