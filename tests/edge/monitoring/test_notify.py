"""What systemd is told, over a real socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edge.monitoring.notify import Notifier


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_messages_arrive(tmp_path: Path, kind: str) -> None:
    name = str(tmp_path / "notify") if kind == "path" else f"@edge-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0" + name[1:] if kind == "abstract" else name)
        channel.settimeout(60)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        notifier.ready()
        notifier.status("one")
        notifier.status("one")
        notifier.status("two")
        notifier.watchdog()
        notifier.stopping()
        received = [channel.recv(1000).decode() for _ in range(5)]
    assert received == ["READY=1", "STATUS=one", "STATUS=two", "WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/socket"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    Notifier(environment).ready()


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_told_at_half_its_time(environment: dict[str, str], interval_s: float | None) -> None:
    assert Notifier(environment).watchdog_interval_s == interval_s
