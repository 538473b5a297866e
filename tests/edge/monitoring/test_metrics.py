"""The page that Prometheus reads, and its server: read strictly, and attacked with slow and many clients."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.capture.status import CaptureStatus
from edge.config import listen_address
from edge.errors import ListenError
from edge.monitoring.health import Health
from edge.monitoring.metrics import rendered
from edge.monitoring.metrics_server import MAX_CONNECTIONS, MetricsServer
from tests.support.agents.command_line import EdgeAgent
from tests.support.agents.exposition import parse
from tests.support.agents.process_figures import figures
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.tools import free_port, wait_until

RECORD: dict[str, Any] = {
    "uptime_s": 12.5,
    "cameras": {
        "front": {
            "state": "delivering",
            "online": True,
            "frames_in": 100,
            "classified": 60,
            "dropped": 40,
            "stale": 1,
            "blind": 7,
            "reconnects": 2,
        },
        'a"b\\c\nd': {
            "state": "lost",
            "online": False,
            "frames_in": 0,
            "classified": 0,
            "dropped": 0,
            "stale": 0,
            "blind": 0,
            "reconnects": 0,
        },
    },
    "latency_ms": {"inference": {"p50": 5.5, "p95": 12.25}},
    "memory_mb": 101.5,
    "temperature_c": None,
    "watchdog": "fed",
    "stuck": None,
    "broker": "connected",
    "logins": 3,
    "events_waiting": 4,
    "events_dropped": 5,
    "subscriptions_refused": ["edge/pi/front/enabled/set"],
    "events_acknowledged": 6,
    "outbox": "memory: disk I/O error",
}


def fetch(port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(data)
        answer = b""
        while part := client.recv(4096):
            answer += part
    return answer


@contextmanager
def serving() -> Iterator[MetricsServer]:
    server = MetricsServer("127.0.0.1", 0, connection_s=1, answer_s=0.3)
    server.start()
    try:
        yield server
    finally:
        server.close()


def threads() -> int:
    return figures(os.getpid()).threads


def test_the_page_says_what_the_record_says() -> None:
    values = parse(rendered(RECORD))
    front, odd = ("camera", "front"), ("camera", 'a"b\\c\nd')
    assert values["edge_agent_uptime_seconds", frozenset()] == 12.5
    assert values["edge_agent_frames_classified_total", frozenset([front])] == 60
    assert values["edge_agent_camera_online", frozenset([odd])] == 0
    latency = frozenset([("stage", "inference"), ("quantile", "0.95")])
    assert values["edge_agent_latency_seconds", latency] == 0.01225
    assert values["edge_agent_resident_memory_bytes", frozenset()] == 101.5e6
    assert values["edge_agent_broker_connected", frozenset()] == 1
    assert values["edge_agent_outbox_on_disk", frozenset()] == 0
    assert values["edge_agent_subscriptions_refused", frozenset()] == 1
    assert values["edge_agent_progress", frozenset()] == 1
    assert not any("temperature" in name for name, _ in values)


def test_every_counter_of_a_camera_is_on_the_page() -> None:
    health = Health()
    health.add_camera("front")
    counted = health.report({"front": CaptureStatus()})["cameras"]["front"].keys()
    told = RECORD["cameras"]["front"]
    assert counted - {"fps_in", "fps_classified"} == told.keys() - {"online"}
    bare = {**RECORD, "cameras": {"front": {**told, "state": "lost"}}}
    of_cameras = [name for name, labels in parse(rendered(bare)) if ("camera", "front") in labels]
    assert len(of_cameras) == len(told.keys() - {"state"})


def test_what_has_no_broker_and_no_frames_yet_is_a_page_too() -> None:
    of_a_broker = ("broker", "logins", "outbox", "subscriptions_refused")
    bare = {key: value for key, value in RECORD.items() if key not in of_a_broker and "events" not in key}
    values = parse(rendered({**bare, "latency_ms": {}, "cameras": {}, "stuck": "camera a: hangs"}))
    assert values["edge_agent_progress", frozenset()] == 0
    assert not any("broker" in name or "events" in name for name, _ in values)


@pytest.mark.parametrize(
    "text", ["", "a 1\n", "# HELP a b\n# TYPE a gauge\na 1", "# HELP a b\n# TYPE a gauge\na{b=c} 1\n"]
)
def test_the_parser_is_strict(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9108", ("127.0.0.1", 9108)),
        (":9108", ("127.0.0.1", 9108)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("[::1]:1", ("::1", 1)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_a_port_alone_is_this_machine(text: str, expected: tuple[str, int]) -> None:
    assert listen_address(text) == expected


@pytest.mark.parametrize("text", ["", "here", "1:", "::1:9", "127.0.0.1:70000", "-1", "1.5"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        listen_address(text)


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with serving() as server, pytest.raises(ListenError, match=r"can't serve metrics at .* in use; choose"):
        MetricsServer("127.0.0.1", server.port)


def test_a_loop_that_does_not_answer_is_a_failed_scrape() -> None:
    with serving() as server:
        assert fetch(server.port) == (503, "the agent's loop does not answer\n")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/secret-path", "GET", 404), ("/metrics", "POST", 501), ("/metrics", "EVIL", 501)],
)
def test_only_get_metrics_is_there_and_nothing_is_echoed(path: str, method: str, status: int) -> None:
    with serving() as server:
        found, text = fetch(server.port, path, method)
    assert found == status
    assert "secret" not in text
    assert "EVIL" not in text


@pytest.mark.parametrize(
    "data", [b"\x00\xffEVIL\r\n\r\n", b"GET " + b"EVIL" * 30_000, b"EVIL / HTTP/9.9\r\n\r\n"]
)
def test_rubbish_is_answered_with_fixed_words(data: bytes) -> None:
    with serving() as server:
        try:
            answer = raw(server.port, data)
        except ConnectionError:
            answer = b""
    assert b"EVIL" not in answer


def test_slow_clients_neither_pile_up_nor_stay() -> None:
    before = threads()
    with serving() as server:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5 * MAX_CONNECTIONS)]
        try:
            for client in slow[:MAX_CONNECTIONS]:
                client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
            peaks: list[int] = []
            wait_until(lambda: answered_in_spite_of(slow, server.port, peaks), "an answer")
            assert max(peaks) <= before + 1 + MAX_CONNECTIONS
        finally:
            for client in slow:
                client.close()
    wait_until(lambda: threads() <= before, "the threads' end")


def answered_in_spite_of(slow: list[socket.socket], port: int, peaks: list[int]) -> bool:
    """Each slow client sends one more byte, then one scrape is tried; 503, as nobody plays the loop."""
    peaks.append(threads())
    for client in slow:
        with contextlib.suppress(OSError):
            client.sendall(b"x")
    try:
        return fetch(port)[0] == 503
    except (OSError, http.client.HTTPException):
        return False


def test_the_real_agent_is_scraped(tmp_path: Path, golden: Path, mosquitto: Mosquitto) -> None:
    port = free_port()
    command = ("--camera", "front=test://?size=64x48", "--model", golden, "--broker", mosquitto.url)
    with EdgeAgent(tmp_path, *command, "--metrics", port) as agent:
        agent.wait_for_log(f"metrics at http://127.0.0.1:{port}/metrics")
        agent.wait_for_log("camera front: delivering")
        wait_until(lambda: fetch(port)[0] == 200, "the first page")
        before, after = parse(fetch(port)[1]), {}
        key = ("edge_agent_frames_classified_total", frozenset([("camera", "front")]))
        wait_until(lambda: after.update(parse(fetch(port)[1])) or after[key] > before[key], "more frames")
        assert after["edge_agent_broker_connected", frozenset()] == 1
        stages = {dict(labels)["stage"] for name, labels in after if name == "edge_agent_latency_seconds"}
        assert stages == {"wait", "preprocess", "inference", "publish", "frame_age"}
        assert agent.stop() == 0


def test_a_taken_port_ends_the_agent_with_one_sentence(tmp_path: Path, golden: Path) -> None:
    with serving() as server:
        command = ("--camera", "test://", "--model", golden, "--stdout", "--metrics", server.port)
        with EdgeAgent(tmp_path, *command) as agent:
            assert agent.wait() == 1
    assert agent.stderr.splitlines()[-1].startswith("error: can't serve metrics at 127.0.0.1:")


def test_a_senseless_address_is_a_usage_error(tmp_path: Path) -> None:
    with EdgeAgent(tmp_path, "--camera", "test://", "--metrics", "here") as agent:
        assert agent.wait() == 2
    assert "write 9108 or 127.0.0.1:9108" in agent.stderr


def test_all_interfaces_are_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    server = MetricsServer("0.0.0.0", 0)
    server.start()
    server.close()
    assert "can be read by anybody in the network" in caplog.text
