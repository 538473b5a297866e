"""Agents that watch the same kind of live camera at the same time, and a process that only takes pictures.

Each has a camera of its own. What counts is each process' own time, once all have started; the cameras are
other processes.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.programs.processes import cpu_s
from benchmarks.subjects.live_cameras import Camera
from tests.support.tools import free_port

START_S, END_S = 30.0, 20.0


@dataclass(frozen=True, slots=True)
class Usage:
    """One process' milliseconds of processor a received picture, and the part of them that it classified."""

    cpu_ms: float
    classified: float = 0.0


@dataclass(frozen=True, slots=True)
class _Account:
    """Of a process until now: seconds of processor, pictures received and classified."""

    cpu_s: float
    received: float
    classified: float


def watch(
    camera: Camera,
    agents: Sequence[Sequence[str]],
    bare: Literal["read", "grab"],
    *,
    settle_s: float,
    seconds: float,
) -> list[Usage]:
    """Usage of each agent, given as arguments of Python, then of the bare process, over so many seconds.

    bare: whether that one decodes its pictures or only takes them over. It is taken to get as many
    pictures as the last agent.
    """
    with contextlib.ExitStack() as stack:
        started = []
        for agent in agents:
            port = free_port()
            command = [*agent, "--metrics", str(port), "--device-id", f"bench{port}", "--camera"]
            started.append((_started(command, camera, stack).pid, port))
        reader = _started(["-m", "benchmarks.bare.reader", bare], camera, stack, stdout=subprocess.PIPE)
        _wait_for_frames([port for _, port in started])
        _wait_for_line(reader)
        time.sleep(settle_s)
        before, reader_before_s = [_account(*each) for each in started], cpu_s(reader.pid)
        time.sleep(seconds)
        after, reader_s = [_account(*each) for each in started], cpu_s(reader.pid) - reader_before_s
    used = [_usage(*pair) for pair in zip(before, after, strict=True)]
    return [*used, Usage(reader_s * 1e3 / (after[-1].received - before[-1].received))]


def _usage(before: _Account, after: _Account) -> Usage:
    received = after.received - before.received
    return Usage(
        (after.cpu_s - before.cpu_s) * 1e3 / received, (after.classified - before.classified) / received
    )


def _started(
    command: Sequence[str], camera: Camera, stack: contextlib.ExitStack, stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """A Python process whose last argument is a camera of its own."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    place = stack.enter_context(camera(folder))
    environment = os.environ | dict(place.environment) | {"STATE_DIRECTORY": str(folder)}
    process = subprocess.Popen(
        [sys.executable, *command, place.address],
        env=environment,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait, END_S)
    stack.callback(process.terminate)
    return process


def _wait_for_frames(ports: Sequence[int]) -> None:
    deadline_s = time.monotonic() + START_S
    for port in ports:
        while not _counters(port).get("classified"):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"an agent classified nothing in {START_S:g} s")
            time.sleep(0.1)


def _wait_for_line(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is not None and not process.stdout.readline():
        raise RuntimeError("the bare reader ended before its first picture")


def _counters(port: int) -> dict[str, float]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    found = re.findall(r"^edge_agent_frames_(\w+)_total{[^}]*} (\S+)", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def _account(pid: int, port: int) -> _Account:
    counters = _counters(port)
    return _Account(cpu_s(pid), counters["received"], counters["classified"])
