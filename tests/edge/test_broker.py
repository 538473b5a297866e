"""One connection, kept alive, against a real broker."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.broker import BrokerConnection, ConnectionCallbacks, parse_broker_url
from edge.records import Message
from tests.support.certificates import make_certificates
from tests.support.mosquitto import Mosquitto
from tests.support.subscriber import Subscriber
from tests.support.tools import free_port, wait_until

WILL = Message("edge/x/availability", b"offline", qos=1, retain=True)


@contextmanager
def connecting(
    url: str, password: str | None = None, ca_file: Path | None = None
) -> Iterator[BrokerConnection]:
    nothing = ConnectionCallbacks(lambda: None, lambda: None, lambda _mid: None)
    connection = BrokerConnection(parse_broker_url(url, password, ca_file), "test-client", WILL, nothing)
    connection.start()
    try:
        yield connection
    finally:
        connection.stop()


@contextmanager
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", user="pi", password="right") as broker:
        yield broker


def test_the_right_password_lets_us_in(tmp_path: Path) -> None:
    with guarded(tmp_path) as broker, connecting(broker.url, "right") as connection:
        assert connection.wait_until_up(10)
        assert (connection.connected, connection.problem, connection.logins) == (True, None, 1)


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_refused_login_is_said_plainly_and_tried_again(
    tmp_path: Path, password: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with guarded(tmp_path) as broker, connecting(broker.url, password) as connection:
        wait_until(lambda: "refuses the login" in (connection.problem or ""), "the refusal")
        assert "not authorized" in (connection.problem or "").lower()
        assert not connection.connected
        assert connection.publish(Message("t", b"x")) is None
    assert "check the user and the password" in caplog.text
    assert "wrong" not in caplog.text


def test_a_broker_that_is_not_there_is_said_plainly() -> None:
    with connecting(f"mqtt://127.0.0.1:{free_port()}") as connection:
        wait_until(lambda: "unreachable" in (connection.problem or ""), "the finding")
        assert "refused" in (connection.problem or "").lower()


def test_a_host_that_does_not_exist_is_said_plainly() -> None:
    with connecting("mqtt://no-such-host.invalid") as connection:
        wait_until(lambda: "unreachable" in (connection.problem or ""), "the finding")


def test_a_server_that_never_answers_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        connecting(f"mqtt://127.0.0.1:{silent.getsockname()[1]}") as connection,
    ):
        wait_until(lambda: "does not answer" in (connection.problem or ""), "the finding", 12)
        assert not connection.connected


def test_a_connection_comes_back_after_the_broker_was_away(mosquitto: Mosquitto) -> None:
    with connecting(mosquitto.url) as connection:
        assert connection.wait_until_up(10)
        mosquitto.stop()
        wait_until(lambda: not connection.connected, "the loss")
        assert connection.publish(Message("t", b"x")) is None
        mosquitto.start()
        assert connection.wait_until_up(10)
        assert connection.logins == 2


def test_a_clean_stop_leaves_no_will(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber:
        with connecting(mosquitto.url) as connection:
            assert connection.wait_until_up(10)
            connection.publish(Message("edge/x/last", b"word", qos=1))
        subscriber.wait_for(lambda: subscriber.on("/last"), "the last word")
        assert subscriber.on("/availability") == []


def test_stopping_does_not_wait_for_a_broker_that_is_not_there() -> None:
    with connecting(f"mqtt://127.0.0.1:{free_port()}") as connection:
        wait_until(lambda: "unreachable" in (connection.problem or ""), "the finding")
    assert not connection._thread.is_alive()


def test_tls_lets_us_in_with_the_right_ca(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls")
    with (
        Mosquitto(tmp_path / "broker", tls=made) as broker,
        connecting(broker.url, ca_file=made.ca) as connection,
    ):
        assert connection.wait_until_up(10)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_tls_with_a_stranger_is_refused_and_said(tmp_path: Path) -> None:
    made, other = make_certificates(tmp_path / "tls"), make_certificates(tmp_path / "other")
    with (
        Mosquitto(tmp_path / "broker", tls=made) as broker,
        connecting(broker.url, ca_file=other.ca) as connection,
    ):
        wait_until(lambda: "certificate verify failed" in (connection.problem or "").lower(), "the reason")
        assert not connection.connected
