"""Looks at sources that were lost."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.capture.reachability import LOOK_EVERY_S, Lookout, device_is_there, server_answers
from tests.support.mjpeg import MjpegCamera
from tests.support.tools import free_port, wait_until


def test_a_device_is_there_when_its_node_is(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    assert not device_is_there(str(node))
    node.touch()
    assert device_is_there(str(node))
    assert not device_is_there("97")


@contextmanager
def server(answer: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """Its port and what it was asked; with None it accepts and is silent, as a frozen one."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(1024))
                connection.sendall(answer or b"")

        if answer is not None:
            threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], asked


def test_an_rtsp_server_that_answers_is_there_and_hears_no_password() -> None:
    with server(b"RTSP/1.0 200 OK\r\n\r\n") as (port, asked):
        assert server_answers(f"rtsp://me:secret@127.0.0.1:{port}/x?token=secret")
    assert asked[0].startswith(b"OPTIONS * RTSP/1.0\r\n")
    assert b"secret" not in asked[0]


def test_an_http_camera_that_answers_is_there() -> None:
    with MjpegCamera("red") as camera:
        assert server_answers(camera.address)


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_server_that_accepts_and_is_silent_is_not_there(scheme: str) -> None:
    with server(None) as (port, _):
        assert not server_answers(f"{scheme}://127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    "address", ["rtsp://127.0.0.1:{port}/x", "rtsp://me:sec/ret@127.0.0.1/x", "rtsp:///x", "https://[x/"]
)
def test_where_nobody_serves_nobody_is_there(address: str) -> None:
    assert not server_answers(address.format(port=free_port()))


def test_a_return_is_seen_once() -> None:
    there = threading.Event()
    lookout = Lookout("look", there.is_set)
    assert not lookout.sees_return()
    there.set()
    wait_until(lookout.sees_return, "the return")
    assert not lookout.sees_return()


def test_what_was_never_absent_does_not_return() -> None:
    looks: list[int] = []
    lookout = Lookout("look", lambda: bool(looks.append(1) or True))
    wait_until(lambda: lookout.sees_return() or len(looks) >= 2, "two looks")
    assert not lookout.sees_return()


def test_only_one_look_is_under_way_at_a_time() -> None:
    looks: list[int] = []
    hold = threading.Event()
    lookout = Lookout("look", lambda: bool(looks.append(1)) or hold.wait(60))
    until_s = time.monotonic() + 1.5 * LOOK_EVERY_S
    wait_until(lambda: lookout.sees_return() or time.monotonic() > until_s, "more than a look's time")
    assert len(looks) == 1
    hold.set()
