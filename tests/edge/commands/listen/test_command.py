"""What a subscriber at the shell sees."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.commands.listen.listener import decisions
from edge.errors import BrokerUnavailableError
from edge.publish.mqtt.address import parse_broker_url
from tests.support.brokers.mosquitto import Mosquitto

RECORD = {
    "device": "pi",
    "camera": "cam",
    "sequence": 1,
    "label": "red",
    "confidence": 0.9,
    "timestamp": "2026-01-01T00:00:00.000Z",
}


@contextmanager
def publishing(port: int) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def heard(broker: Mosquitto, payloads: list[bytes]) -> list[dict[str, Any]]:
    """What is listened to until the sequence number 99."""
    address = parse_broker_url(broker.url)
    found = []
    with publishing(broker.port) as client:
        client.publish("edge/pi/cam/state", payloads[0], qos=1, retain=True).wait_for_publish(10)
        for record in decisions(address, "edge", threading.Event().is_set):
            found.append(record)
            if record["sequence"] == 99:
                break
            for payload in payloads[1:]:
                client.publish("edge/pi/cam/event", payload, qos=1)
    return found


def encoded(**changes: object) -> bytes:
    return json.dumps(RECORD | changes).encode()


def test_the_present_state_comes_first_and_its_own_event_is_left_out(mosquitto: Mosquitto) -> None:
    payloads = [encoded(), encoded(), encoded(sequence=2), encoded(sequence=99)]
    assert [record["sequence"] for record in heard(mosquitto, payloads)] == [1, 2, 99]


def test_heartbeats_are_left_out(mosquitto: Mosquitto) -> None:
    with publishing(mosquitto.port) as client:
        client.publish("edge/pi/cam/state", encoded(), qos=1, retain=True).wait_for_publish(10)
        listening = decisions(parse_broker_url(mosquitto.url), "edge", threading.Event().is_set)
        assert next(listening)["sequence"] == 1
        client.publish("edge/pi/cam/state", encoded(sequence=7), qos=1, retain=True)
        client.publish("edge/pi/cam/event", encoded(sequence=2), qos=1)
        assert next(listening)["sequence"] == 2
        listening.close()


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"\xff",
        b"3",
        b"[]",
        b"{}",
        b"null",
        encoded(confidence=None),
        encoded(device=[1]),
        encoded(sequence="x"),
    ],
)
def test_what_others_publish_on_our_topics_is_passed_over(mosquitto: Mosquitto, foreign: bytes) -> None:
    found = heard(mosquitto, [encoded(), foreign, encoded(sequence=99)])
    assert [record["sequence"] for record in found] == [1, 99]


def test_a_refused_login_is_an_error(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", user="pi", password="right") as broker:
        listening = decisions(parse_broker_url(broker.url, "wrong"), "edge", threading.Event().is_set)
        with pytest.raises(BrokerUnavailableError, match="check the user and the password"):
            next(listening)
