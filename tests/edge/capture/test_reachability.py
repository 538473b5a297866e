"""Looks at sources that were lost."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.capture.reachability import PROBE_EVERY_S, ReachabilityProbe, is_device_present, is_server_answering
from tests.support.cameras.mjpeg import MjpegCamera
from tests.support.tools import free_port, wait_until


def test_a_is_device_present_when_its_node_is(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    assert not is_device_present(str(node))
    node.touch()
    assert is_device_present(str(node))
    assert not is_device_present("97")


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
        assert is_server_answering(f"rtsp://me:secret@127.0.0.1:{port}/x?token=secret")
    assert asked[0].startswith(b"OPTIONS * RTSP/1.0\r\n")
    assert b"secret" not in asked[0]


def test_an_http_camera_that_answers_is_there() -> None:
    with MjpegCamera("red") as camera:
        assert is_server_answering(camera.address)


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_server_that_accepts_and_is_silent_is_not_there(scheme: str) -> None:
    with server(None) as (port, _):
        assert not is_server_answering(f"{scheme}://127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    "address", ["rtsp://127.0.0.1:{port}/x", "rtsp://me:sec/ret@127.0.0.1/x", "rtsp:///x", "https://[x/"]
)
def test_where_nobody_serves_nobody_is_there(address: str) -> None:
    assert not is_server_answering(address.format(port=free_port()))


def test_a_return_is_seen_once() -> None:
    there = threading.Event()
    probe = ReachabilityProbe("probe", there.is_set)
    assert not probe.poll_return()
    there.set()
    wait_until(probe.poll_return, "the return")
    assert not probe.poll_return()


def test_what_was_never_absent_does_not_return() -> None:
    looks: list[int] = []
    probe = ReachabilityProbe("probe", lambda: bool(looks.append(1) or True))
    wait_until(lambda: probe.poll_return() or len(looks) >= 2, "two looks")
    assert not probe.poll_return()


def test_only_one_look_is_under_way_at_a_time() -> None:
    looks: list[int] = []
    hold = threading.Event()
    probe = ReachabilityProbe("probe", lambda: bool(looks.append(1)) or hold.wait(60))
    until_s = time.monotonic() + 1.5 * PROBE_EVERY_S
    wait_until(lambda: probe.poll_return() or time.monotonic() > until_s, "more than a probe's time")
    assert len(looks) == 1
    hold.set()
