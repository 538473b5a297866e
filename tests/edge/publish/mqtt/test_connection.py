"""One connection, kept alive, against a real broker."""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.publish.mqtt.address import parse_broker_url
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks, Login
from edge.records import Message
from tests.support.brokers.certificates import make_certificates
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.old_broker import UNSUPPORTED_VERSION, OldBroker
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import free_port, need, wait_until

WILL = Message("edge/x/availability", b"offline", qos=1, retain=True)


def ignored(*_things: object) -> None:
    """Nobody asks."""


@contextmanager
def connecting(
    url: str,
    password: str | None = None,
    *,
    client_id: str = "test-client",
    heard: Callable[[Message], None] = ignored,
    topics: tuple[str, ...] = (),
    **more: Any,
) -> Iterator[BrokerConnection]:
    address = dataclasses.replace(parse_broker_url(url, password), **more)
    callbacks = ConnectionCallbacks(lambda: None, lambda: None, ignored, heard)
    connection = BrokerConnection(Login(address, client_id, WILL), callbacks)
    for topic in topics:
        connection.subscribe(topic)
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
@pytest.mark.parametrize("old", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
def test_a_refused_login_is_said_plainly_and_tried_again(
    tmp_path: Path, password: str | None, old: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with guarded(tmp_path) as broker, OldBroker(broker.port) as relay:
        url = relay.url.replace("//", "//pi@") if old else broker.url
        with connecting(url, password) as connection:
            wait_until(lambda: broker.log.count("not authorised") >= 2, "the second refusal")
            assert "not authorized" in (connection.problem or "").lower()
            assert not connection.connected
            assert connection.publish(Message("t", b"x")) is None
    (said,) = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert "refuses the login" in said
    assert "check the user and the password" in said
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
        wait_until(lambda: "does not answer" in (connection.problem or ""), "the finding")
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


def test_mqtt_5_is_spoken_where_the_broker_speaks_it(mosquitto: Mosquitto) -> None:
    with connecting(mosquitto.url) as connection:
        assert connection.wait_until_up(10)
        wait_until(lambda: "as test-client (p5, c1, k20)" in mosquitto.log, "the login in the broker's log")


@pytest.mark.parametrize("answer", [UNSUPPORTED_VERSION, b""], ids=["refused", "dropped"])
def test_mqtt_3_is_spoken_where_5_is_turned_away(
    mosquitto: Mosquitto, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with OldBroker(mosquitto.port, answer) as relay, connecting(relay.url) as connection:
        assert connection.wait_until_up(10)
        assert relay.tried == [5, 4]
        mosquitto.stop()
        wait_until(lambda: not connection.connected, "the loss")
        mosquitto.start()
        assert connection.wait_until_up(20)
        assert 5 not in relay.tried[2:]
    said = [record.message for record in caplog.records if "broker mqtt" in record.message]
    assert said[0].endswith("connected, MQTT 3.1.1")
    assert not any("answer" in text or "version" in text for text in said if "trying again" not in text)


def test_a_broker_that_only_drops_connections_is_said_once(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    mosquitto.stop()
    with OldBroker(mosquitto.port, b"") as relay, connecting(relay.url) as connection:
        wait_until(lambda: len(relay.tried) >= 5, "both versions, tried in turn")
        wait_until(lambda: "without an answer" in (connection.problem or ""), "the finding")
    assert relay.tried[:4] == [5, 4, 5, 4]
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize("old", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
def test_nothing_of_an_old_session_is_delivered(tmp_path: Path, old: bool) -> None:
    session = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id="test-client",
        clean_session=False,
        protocol=MQTTProtocolVersion.MQTTv311,
    )
    heard: list[Message] = []
    with (
        Mosquitto(tmp_path / "talking", options=["log_type all"]) as mosquitto,
        Subscriber(mosquitto.port) as other,
        OldBroker(mosquitto.port) as relay,
    ):
        session.on_connect = lambda client, *_: client.subscribe("edge/old", 1)
        session.on_subscribe = lambda client, *_: client.disconnect()
        session.connect("127.0.0.1", mosquitto.port)
        session.loop_forever()
        url = relay.url if old else mosquitto.url
        with connecting(mosquitto.url, client_id="sender") as sender:
            assert sender.wait_until_up(10)
            sender.publish(Message("edge/old", b"kept for the old session"))
            other.wait_for(lambda: other.on("/old"), "the message")
            with connecting(url, heard=heard.append, topics=("edge/new",)) as connection:
                assert connection.wait_until_up(10)
                wait_until(lambda: "edge/new" in mosquitto.log, "the subscription")
                sender.publish(Message("edge/new", b"live"))
                wait_until(lambda: heard, "what is live")
    assert [(message.topic, message.payload, message.retain) for message in heard] == [
        ("edge/new", b"live", False)
    ]


@pytest.mark.parametrize("old", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
def test_two_agents_with_one_device_id_are_told_once(
    mosquitto: Mosquitto, old: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with OldBroker(mosquitto.port) as relay:
        url = relay.url if old else mosquitto.url
        with (
            connecting(url, client_id="edge-agent-line-3") as one,
            connecting(url, client_id="edge-agent-line-3") as other,
        ):
            for connection in (one, other):
                wait_until(lambda c=connection: "another agent" in (c.problem or ""), "the finding")
                count = connection.logins
                wait_until(lambda c=connection, n=count: c.logins > n, "another login")
                assert "another agent" in (connection.problem or "")
    said = [record.message for record in caplog.records if "another agent" in record.message]
    assert len(said) == 2
    advice = "give each a --device-id of its own"
    assert said[0].endswith(f"another agent probably uses the device id line-3; {advice}")


def test_a_broker_that_tells_of_the_other_agent_is_believed_at_once(mosquitto: Mosquitto) -> None:
    answer = bytes([0x20, 3, 0, 0, 0, 0xE0, 1, 0x8E])  # MQTT 5: CONNACK, DISCONNECT for "session taken over"
    with OldBroker(mosquitto.port, answer) as relay, connecting(relay.url) as connection:
        wait_until(lambda: "another agent uses" in (connection.problem or ""), "the finding")
        assert connection.logins <= 2


def test_a_broker_that_takes_no_message_of_ours_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rights = tmp_path / "rights"
    rights.write_text("topic read #\n")
    with (
        Mosquitto(tmp_path / "broker", options=[f"acl_file {rights}"]) as broker,
        connecting(broker.url) as connection,
    ):
        assert connection.wait_until_up(10)
        for _ in range(3):
            connection.publish(Message("edge/x/cam/event", b"x"))
        wait_until(lambda: "refuses a message (not authorized)" in caplog.text, "the refusal")


@pytest.mark.parametrize("old", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
def test_a_refused_subscription_is_said_once_with_its_topic(
    tmp_path: Path, old: bool, caplog: pytest.LogCaptureFixture
) -> None:
    options = granting(tmp_path, "edge/pi/cam/snapshot/get")
    topics = ("edge/pi/cam/enabled/set", "edge/pi/cam/snapshot/get", "homeassistant/status")
    with (
        Mosquitto(tmp_path / "broker", options=options) as broker,
        OldBroker(broker.port) as relay,
        connecting(relay.url if old else broker.url, topics=topics) as connection,
    ):
        wait_until(lambda: connection.report.refused_topics, "the refusal")
        broker.stop()
        wait_until(lambda: not connection.connected, "the loss")
        broker.start()
        wait_until(lambda: connection.logins >= 2, "the second login")
        wait_until(lambda: broker.log.count("SUBACK") >= 2, "the second refusal")
    assert connection.report.refused_topics == (topics[0], topics[2])
    (said,) = [record.message for record in caplog.records if "subscribe" in record.message]
    assert f"refuses to subscribe us to {topics[0]}, {topics[2]} (" in said
    assert said.endswith("; allow it in the broker's access rules (ACL)")


def granting(folder: Path, topic: str) -> list[str]:
    """Options for a Mosquitto that grants this subscription and no other: its acl_file refuses none."""
    plugin = "mosquitto_dynamic_security.so"
    found = next(iter(Path("/usr/lib").glob(f"**/{plugin}")), None)
    need(found is not None, plugin)
    acl = {"acltype": "subscribePattern", "topic": topic, "allow": True}
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False}
    rules = {
        "defaultACLAccess": access,
        "roles": [{"rolename": "some", "acls": [acl]}],
        "groups": [{"groupname": "all", "roles": [{"rolename": "some"}]}],
        "anonymousGroup": "all",
        "clients": [],
    }
    (folder / "rules.json").write_text(json.dumps(rules))
    return [f"plugin {found}", f"plugin_opt_config_file {folder / 'rules.json'}", "log_type all"]


def test_stopping_does_not_wait_for_a_look_up_that_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, end = threading.Event(), threading.Event()

    def hang(*_arguments: object, **_more: object) -> None:
        asked.set()
        end.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with connecting("mqtt://broker.example") as connection:
        assert asked.wait(60)
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 30
    end.set()
    connection._thread.join(60)
    assert not connection._thread.is_alive()
    assert "unreachable" not in caplog.text


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


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_a_broker_that_wants_a_certificate_is_shown_one(tmp_path: Path, version: str) -> None:
    made = make_certificates(tmp_path / "tls")
    options = [f"cafile {made.ca}", "require_certificate true", f"tls_version {version}"]
    with Mosquitto(tmp_path / "broker", tls=made, options=options) as broker:
        own = {"cert_file": made.client.certificate, "key_file": made.client.key}
        with connecting(broker.url, ca_file=made.ca, **own) as connection:
            assert connection.wait_until_up(10)
        with connecting(broker.url, ca_file=made.ca) as connection:
            wait_until(lambda: "client certificate" in (connection.problem or ""), "the reason")


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
