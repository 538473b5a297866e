"""What Home Assistant is told of a device, so that it appears there by itself (MQTT discovery): pure.

One retained message a device: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, get_args

from edge.publish.remote.commands import LEAVES
from edge.publish.topics import UNKNOWN, TopicNames
from edge.records import Message, ModelIdentity, UnknownReason

DEFAULT_PREFIX = "homeassistant"
BIRTH = b"online"
# These say nothing against the camera: it has just begun, was switched off by hand, or the model is not sure.
NO_PROBLEMS: tuple[UnknownReason, ...] = ("starting", "low_score", "unfamiliar", "disabled")
# All other reasons: one that is added to the list counts as a problem until it is named above.
PROBLEMS: tuple[UnknownReason, ...] = tuple(
    reason for reason in get_args(UnknownReason) if reason not in NO_PROBLEMS
)
MISSED = 3  # so many heartbeats may be missed before a value counts as old
Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Device:
    """What a device has to show: its cameras, what they can see, and how often it says so, in seconds.

    commands: does it take any.
    """

    names: TopicNames
    cameras: tuple[str, ...]
    labels: tuple[str, ...]
    model: ModelIdentity
    version: str
    heartbeat_s: float
    stats_interval_s: float
    commands: bool = False


def discovery(device: Device, prefix: str = DEFAULT_PREFIX) -> Message:
    """The device and all its entities; retained, for Home Assistant may be started later."""
    components = {"connection": _connection(device)}
    for camera in device.cameras:
        for kind, component in _of_camera(device, camera).items():
            components[f"{camera}.{kind}"] = component
    payload = {
        "dev": {
            "identifiers": [_object_id(device.names.device)],
            "name": device.names.device,
            "manufacturer": "edge-agent",
            "model": f"{device.model.name} {device.model.version}",
            "sw_version": device.version,
        },
        "o": {"name": "edge-agent", "sw_version": device.version},
        "cmps": components,
    }
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(_topic(prefix, device.names.device), body, retain=True)


def removal(device: str, prefix: str = DEFAULT_PREFIX) -> Message:
    """Takes a device and all its entities out of Home Assistant."""
    return Message(_topic(prefix, device), b"", retain=True)


def birth_topic(prefix: str = DEFAULT_PREFIX) -> str:
    """Where Home Assistant says `online` when it has started: it wants to be told again then."""
    return f"{prefix}/status"


def _topic(prefix: str, device: str) -> str:
    return f"{prefix}/device/{_object_id(device)}/config"


def _object_id(device: str) -> str:
    return f"edge-agent-{device}"


def _connection(device: Device) -> Component:
    """Is the agent connected; always available itself, for `offline` is an answer too."""
    return {
        "platform": "binary_sensor",
        "unique_id": _unique_id(device, "connection"),
        "name": "connection",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": device.names.of_device("availability"),
        "payload_on": "online",
        "payload_off": "offline",
    }


def _of_camera(device: Device, camera: str) -> dict[str, Component]:
    components = _label_and_confidence(device, camera) | _condition(device, camera)
    if device.commands:
        components |= _commands(device.names, camera)
    for kind, component in components.items():
        component |= {"name": f"{camera} {kind}", "unique_id": _unique_id(device, f"{camera}/{kind}")}
    return components


def _label_and_confidence(device: Device, camera: str) -> dict[str, Component]:
    """What the camera sees."""
    names = device.names
    state = names.of_camera(camera, "state")
    shared = {
        "platform": "sensor",
        "expire_after": math.ceil(MISSED * device.heartbeat_s),
        **_available(names.of_device("availability"), names.of_camera(camera, "availability")),
    }
    return {
        "label": {
            "device_class": "enum",
            "options": list(dict.fromkeys((*device.labels, UNKNOWN))),
            "state_topic": names.of_camera(camera, "label"),
            "json_attributes_topic": state,
            **shared,
        },
        "confidence": {
            "state_topic": state,
            "value_template": "{{ (value_json.confidence * 100) | round(1) }}",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            **shared,
        },
    }


def _condition(device: Device, camera: str) -> dict[str, Component]:
    """How the camera is."""
    names = device.names
    connected = _available(names.of_device("availability"))
    return {
        "problem": {
            "platform": "binary_sensor",
            "device_class": "problem",
            "state_topic": names.of_camera(camera, "state"),
            "value_template": f"{{{{ 'ON' if value_json.unknown_reason in {list(PROBLEMS)} else 'OFF' }}}}",
            "expire_after": math.ceil(MISSED * device.heartbeat_s),
            **connected,
        },
        "delivery": {
            "platform": "binary_sensor",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": names.of_camera(camera, "availability"),
            "payload_on": "online",
            "payload_off": "offline",
            **connected,
        },
        "rate": {
            "platform": "sensor",
            "entity_category": "diagnostic",
            "state_topic": names.of_device("stats"),
            "value_template": f"{{{{ value_json.cameras['{camera}'].fps_classified }}}}",
            "unit_of_measurement": "fps",
            "state_class": "measurement",
            "expire_after": math.ceil(MISSED * device.stats_interval_s),
            **connected,
        },
    }


def _commands(names: TopicNames, camera: str) -> dict[str, Component]:
    """A switch, a number, and a picture with the button that asks for it."""

    def topic(leaf: str) -> str:
        return names.of_camera(camera, leaf)

    connected = _available(names.of_device("availability"))
    return {
        "enabled": {
            "platform": "switch",
            "state_topic": topic("enabled"),
            "command_topic": topic(LEAVES["enabled"]),
            **connected,
        },
        "threshold": {
            "platform": "number",
            "entity_category": "config",
            "state_topic": topic("threshold"),
            "command_topic": topic(LEAVES["threshold"]),
            "min": 0,
            "max": 1,
            "step": 0.01,
            "mode": "box",
            **connected,
        },
        "snapshot": {"platform": "camera", "topic": topic("snapshot"), **connected},
        "take snapshot": {"platform": "button", "command_topic": topic(LEAVES["snapshot"]), **connected},
    }


def _available(*topics: str) -> Component:
    """Shown only while all these topics say `online`."""
    return {"availability": [{"topic": topic} for topic in topics], "availability_mode": "all"}


def _unique_id(device: Device, part: str) -> str:
    """Levels of a topic hold no `/`, so that no two entities can get the same one."""
    return f"edge-agent/{device.names.device}/{part}"
