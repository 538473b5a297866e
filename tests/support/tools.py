"""What the tests need from outside Python: missing locally a test skips, missing in CI it fails."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pytest


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


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """True if somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 15.0) -> T:
    """Look again and again until the condition holds; its value, or a failure after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"waited {timeout_s:g} s in vain for {what}")
        pause.wait(0.02)
    return value
