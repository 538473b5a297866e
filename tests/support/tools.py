"""What the tests need from outside Python: missing locally a test skips, missing in CI it fails."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import pytest

PATIENCE_S = 60.0  # of a wait that fails at its end: much more than a quiet machine needs, for CI's is busy


def need(present: bool, what: str) -> None:
    """Skip without `what`, or fail where CI is set."""
    if present:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def need_program(name: str) -> str:
    """The path of a program, also where only root has it on its path."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
    need(found is not None, name)
    return str(found)


PORTS = range(20_000, 32_000)  # below those that Linux gives to connections, and to who binds to port 0
MOST_SIGNS = 100  # of one process: the port of a test that is over may be had again
_signs: deque[socket.socket] = deque()


def free_port() -> int:
    """A loopback port that nobody listens on, and that no other test on this machine gets meanwhile.

    A Unix socket whose name holds the number is the sign for that; it goes with this process.
    """
    while True:
        port, sign = secrets.choice(PORTS), socket.socket(socket.AF_UNIX)
        try:
            sign.bind(f"\0edge-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            sign.close()
            continue
        _signs.append(sign)
        if len(_signs) > MOST_SIGNS:
            _signs.popleft().close()
        return port


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """True if somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = PATIENCE_S) -> T:
    """Look again and again until the condition holds; its value, or a failure after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"waited {timeout_s:g} s in vain for {what}")
        pause.wait(0.02)
    return value
