"""Commands from outside: topic and payload → a command or a refusal. Pure; repeats nothing of a payload."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from edge.publish.payloads import SCHEMA
from edge.publish.topics import TopicNames
from edge.records import Message

MAX_PAYLOAD_BYTES = 64
LEAVES = {"enabled": "enabled/set", "threshold": "threshold/set", "snapshot": "snapshot/get"}
NUMBER = re.compile(rb"[01](\.[0-9]{1,20})?")
SWITCH = {b"ON": True, b"OFF": False}
PRESSED = (b"", b"PRESS")  # the second is what a button of Home Assistant sends


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Look through this camera, or don't."""

    name: ClassVar[str] = "enabled"
    camera: str
    on: bool


@dataclass(frozen=True, slots=True)
class SetThreshold:
    """What every label's score must reach, 0 to 1."""

    name: ClassVar[str] = "threshold"
    camera: str
    threshold: float


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Publish the next frame as a JPEG."""

    name: ClassVar[str] = "snapshot"
    camera: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is not carried out."""

    name: str
    camera: str
    reason: str


Command = SetEnabled | SetThreshold | TakeSnapshot


class CommandTopics:
    """Where commands to the cameras of one device arrive, and what they mean."""

    def __init__(self, names: TopicNames, cameras: Iterable[str]) -> None:
        self._known = {
            names.of_camera(camera, leaf): (camera, name)
            for camera in cameras
            for name, leaf in LEAVES.items()
        }

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic, without wildcards: nothing else arrives."""
        return tuple(self._known)

    def parse(self, message: Message) -> Command | Refusal:
        """What a message on one of these topics asks for; KeyError for any other topic."""
        camera, name = self._known[message.topic]
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            return Refusal(name, camera, "the payload is too long")
        if name == "enabled":
            on = SWITCH.get(message.payload)
            return Refusal(name, camera, "neither ON nor OFF") if on is None else SetEnabled(camera, on)
        if name == "threshold":
            valid = NUMBER.fullmatch(message.payload) and float(message.payload) <= 1
            if not valid:
                return Refusal(name, camera, "not a number from 0 to 1, like 0.7")
            return SetThreshold(camera, float(message.payload))
        if message.payload not in PRESSED:
            return Refusal(name, camera, "a snapshot takes no payload")
        return TakeSnapshot(camera)


def answer(names: TopicNames, command: Command | Refusal) -> Message:
    """What came of a command, for who has asked."""
    refused = isinstance(command, Refusal)
    body = {
        "schema": SCHEMA,
        "camera": command.camera,
        "command": command.name,
        "ok": not refused,
        "reason": command.reason if isinstance(command, Refusal) else None,
    }
    return Message(names.of_camera(command.camera, "answer"), json.dumps(body).encode())


def enabled_state(names: TopicNames, camera: str, on: bool) -> Message:
    """Is the camera looked through, as a switch shows it."""
    return Message(names.of_camera(camera, "enabled"), b"ON" if on else b"OFF", retain=True)


def threshold_state(names: TopicNames, camera: str, threshold: float) -> Message:
    """The present threshold."""
    return Message(names.of_camera(camera, "threshold"), f"{threshold:.4g}".encode(), retain=True)


def snapshot(names: TopicNames, camera: str, jpeg: bytes) -> Message:
    """A frame as a JPEG; not retained, for a picture must not outlive the question."""
    return Message(names.of_camera(camera, "snapshot"), jpeg)
