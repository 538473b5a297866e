"""The broker of our own, for trying things out: on loopback only, and roomy enough."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.errors import BrokerUnavailableError
from edge.publish.mqtt.embedded_broker import EmbeddedBroker, embedded_port
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import accepts, free_port, need, wait_until

need(importlib.util.find_spec("iotcore") is not None, "iotcore")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    embedded = EmbeddedBroker(free_port())
    try:
        wait_until(lambda: accepts(embedded.address.port), "the broker")
        yield embedded
    finally:
        embedded.stop()


def listening_addresses(port: int) -> set[str]:
    """The local addresses, as /proc/net writes them, of sockets that listen on a port."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and int(address.rpartition(":")[2], 16) == port:
                found.add(address.rpartition(":")[0])
    return found


def test_it_listens_on_loopback_only(broker: EmbeddedBroker) -> None:
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert listening_addresses(broker.address.port) == {loopback}
    assert not accepts(broker.address.port, "127.0.0.2")


def test_large_payloads_pass(broker: EmbeddedBroker) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    with Subscriber(broker.address.port) as subscriber:
        client.connect("127.0.0.1", broker.address.port)
        client.loop_start()
        client.publish("edge/large", b"x" * 200_000, qos=1).wait_for_publish(10)
        subscriber.wait_for(lambda: subscriber.on("/large"), "the payload")
        client.disconnect()
        client.loop_stop()
    assert len(subscriber.on("/large")[0].payload) == 200_000


def test_retained_messages_are_kept(broker: EmbeddedBroker) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.address.port)
    client.loop_start()
    client.publish("edge/kept", b"x", qos=1, retain=True).wait_for_publish(10)
    with Subscriber(broker.address.port) as late:
        late.wait_for(lambda: late.on("/kept"), "the retained message")
    client.disconnect()
    client.loop_stop()


def test_a_port_that_is_taken_is_said_so(broker: EmbeddedBroker) -> None:
    with pytest.raises(BrokerUnavailableError, match=f"on port {broker.address.port}.*choose another port"):
        EmbeddedBroker(broker.address.port)


def test_stopping_frees_the_port() -> None:
    broker = EmbeddedBroker(free_port())
    broker.stop()
    wait_until(lambda: not accepts(broker.address.port), "the free port")


@pytest.mark.parametrize(
    ("url", "port"), [("embedded", 1883), ("embedded:1999", 1999), ("mqtt://embedded", None), ("embed", None)]
)
def test_its_address(url: str, port: int | None) -> None:
    assert embedded_port(url) == port
