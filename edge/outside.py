"""What the MQTT sink is opened up to: Home Assistant, and commands from outside. A part of the wiring."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

from edge.config import AgentConfig
from edge.infer import Classifier
from edge.mqtt import homeassistant
from edge.mqtt.control import Control
from edge.mqtt.topics import TopicNames
from edge.publish import MqttSink
from edge.records import Message, ModelIdentity


def open_up(
    sink: MqttSink, config: AgentConfig, classifier: Classifier, cameras: Sequence[str]
) -> Control | None:
    """Announce the device and listen for commands, as far as that is configured; before the sink's start."""
    names = TopicNames(config.topic_prefix, config.device_id)
    if config.homeassistant:
        model = classifier.model
        device = homeassistant.Device(
            names=names,
            cameras=tuple(cameras),
            labels=classifier.labels,
            model=ModelIdentity(model.name, model.version, model.sha256),
            version=version(),
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


def version() -> str:
    """The installed agent's version; `0` where only its files are there."""
    try:
        return importlib.metadata.version("edge-agent")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def _introduce(sink: MqttSink, device: homeassistant.Device, prefix: str) -> None:
    """Tell Home Assistant of the device at every login, and again whenever it has been started anew."""
    message = homeassistant.discovery(device, prefix)
    sink.tell(message)

    def heard(birth: Message) -> None:
        if birth.payload == homeassistant.BIRTH and not birth.retain:
            sink.tell(message)

    sink.listen(homeassistant.birth_topic(prefix), heard)
