"""The part of `build` for who has a broker: its sink, the events that wait, Home Assistant, commands.

A module of its own because paho, TLS and SQLite come with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from edge.config import AgentConfig
from edge.distribution import version
from edge.infer.classifier import Classifier
from edge.publish.mqtt import homeassistant
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.connection import CLIENT_PREFIX, Login
from edge.publish.mqtt.sink import MqttSink
from edge.publish.outbox.outbox import Outbox, OutboxLimits
from edge.publish.outbox.sequences import Sequences
from edge.publish.remote.control import Control
from edge.publish.topics import Topics
from edge.records import Message


@dataclass(frozen=True, slots=True)
class BrokerSide:
    """What the stages have of a broker; control: None where nobody may command."""

    sink: MqttSink
    numbers: Sequences
    control: Control | None


def build_broker_side(
    config: AgentConfig,
    address: BrokerAddress,
    classifier: Classifier,
    topics: Topics,
    cameras: Sequence[str],
    resources: contextlib.ExitStack,
) -> BrokerSide:
    """The sink and what it is opened up to, not started yet; its outbox is closed with the resources."""
    outbox = resources.enter_context(contextlib.closing(_outbox(config)))
    will = topics.device_availability(online=False)
    login = Login(address, f"{CLIENT_PREFIX}{config.device_id}", will)
    elsewhere = config.stdout or bool(config.sinks)
    sink = MqttSink(login, topics, labels=classifier.labels, outbox=outbox, heard_elsewhere=elsewhere)
    numbers = Sequences(outbox.numbers, lost=outbox.numbers_lost)
    return BrokerSide(sink, numbers, _open_up(sink, config, classifier, topics, cameras))


def _open_up(
    sink: MqttSink, config: AgentConfig, classifier: Classifier, topics: Topics, cameras: Sequence[str]
) -> Control | None:
    """Announce the device and listen for commands, as far as that is configured; before the sink's start."""
    names = topics.names
    if config.homeassistant:
        device = homeassistant.Device(
            names=names,
            cameras=tuple(cameras),
            labels=classifier.labels,
            model=classifier.identity,
            version=version() or "0",
            heartbeat_s=config.heartbeat,
            stats_interval_s=config.stats_interval,
            commands=config.allow_commands,
        )
        _introduce(sink, device, config.homeassistant_prefix)
    if not config.allow_commands:
        return None
    control = Control(names, dict.fromkeys(cameras, classifier.limits.threshold), sink.tell)
    for topic in control.topics.all:
        sink.listen(topic, control.receive)
    return control


def _introduce(sink: MqttSink, device: homeassistant.Device, prefix: str) -> None:
    """Tell Home Assistant of the device at every login, and again whenever it has been started anew."""
    message = homeassistant.discovery(device, prefix)
    sink.tell(message)

    def heard(birth: Message) -> None:
        if birth.payload == homeassistant.BIRTH and not birth.retain:
            sink.tell(message)

    sink.listen(homeassistant.birth_topic(prefix), heard)


def _outbox(config: AgentConfig) -> Outbox:
    """What goes to a broker is kept and numbered across restarts."""
    limits = OutboxLimits(
        max_bytes=int(config.outbox.max_mb * 1e6),
        max_age_s=config.outbox.max_age_days * 86_400,
        rate=config.outbox.rate,
    )
    return Outbox(config.state_dir / f"outbox-{config.device_id}.sqlite", limits)
