"""A small disk of its own for what an agent keeps, and what the faults of disks look for."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import need_program

# 30 s between two looks are long for a test
SOON_BACK = "import edge.publish.outbox.fallback_store; edge.publish.outbox.fallback_store.RETRY_S = 1.0; "
SIZE = "16m"  # SQLite's journal alone may take 4 MB
LEFT, BACK = "can't be used", "on disk again"


@contextlib.contextmanager
def small_disk(folder: Path, size: str = SIZE) -> Iterator[Path]:
    """A file system in memory, mounted there while the context lasts; skips where that is not permitted."""
    folder.mkdir(parents=True)
    command = [need_program("mount"), "-t", "tmpfs", "-o", f"size={size}", "edge-test", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([need_program("umount"), "--lazy", str(folder)], check=True)


def remount(folder: Path, mode: str) -> None:
    """Make the small disk `ro` or `rw`."""
    subprocess.run([need_program("mount"), "-o", f"remount,{mode}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """The file that takes all the room that was left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    return ballast


def said(agent: EdgeAgent, text: str) -> int:
    """How many lines of its log hold this text."""
    return sum(text in line for line in agent.stderr.splitlines())


def where(stats: Subscriber) -> str:
    """Where the agent says that its events are, as of its last stats."""
    newest = stats.messages[-1:]
    return str(json.loads(newest[0].payload).get("outbox", "")) if newest else ""
