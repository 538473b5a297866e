"""Topic names, QoS and retain around the payloads: the contract with subscribers. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.publish.payloads import SCHEMA, decision_record, rfc3339
from edge.records import Decision, Frame, Message, ModelIdentity

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # json.dumps would make one each time
UNKNOWN = "unknown"  # an empty payload would delete the retained label


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Where the messages of one device go."""

    prefix: str
    device: str

    def of_device(self, leaf: str) -> str:
        """A topic of the device itself."""
        return f"{self.prefix}/{self.device}/{leaf}"

    def of_camera(self, camera: str, leaf: str) -> str:
        """A topic of one of its cameras."""
        return f"{self.prefix}/{self.device}/{camera}/{leaf}"


class Topics:
    """The messages of one device."""

    def __init__(self, prefix: str, device: str, model: ModelIdentity) -> None:
        self._device = device
        self.names = TopicNames(prefix, device)
        self._model = {"name": model.name, "version": model.version, "hash": model.sha256}

    def device_availability(self, *, online: bool) -> Message:
        """Is the agent connected; `offline` is also its last will."""
        return Message(self.names.of_device("availability"), _availability(online), retain=True)

    def camera_availability(self, camera: str, *, online: bool) -> Message:
        """Is this camera delivering frames."""
        return Message(self.names.of_camera(camera, "availability"), _availability(online), retain=True)

    def state(self, decision: Decision, sequence: int) -> Message:
        """What a camera sees now."""
        return Message(
            self.names.of_camera(decision.camera, "state"), self._json(decision, sequence), retain=True
        )

    def label(self, decision: Decision) -> Message:
        """The bare label, for simple subscribers."""
        payload = (decision.label or UNKNOWN).encode()
        return Message(self.names.of_camera(decision.camera, "label"), payload, retain=True)

    def event(self, decision: Decision, sequence: int) -> Message:
        """One change of what a camera sees."""
        return Message(self.names.of_camera(decision.camera, "event"), self._json(decision, sequence))

    def state_of(self, event: Message, camera: str) -> Message:
        """The state that an event of this camera brings: the same words."""
        return Message(self.names.of_camera(camera, "state"), event.payload, retain=True)

    def scores(
        self, frame: Frame, age_ms: float, labels: tuple[str, ...], values: NDArray[np.float32]
    ) -> Message:
        """Every label's score of one frame; age_ms: from capture to scores."""
        scores = {label: round(value, 4) for label, value in zip(labels, values.tolist(), strict=True)}
        body = {
            "schema": SCHEMA,
            "camera": frame.camera,
            "frame": frame.index,
            "timestamp": rfc3339(frame.captured_at),
            "frame_age_ms": round(age_ms, 1),
            "scores": scores,
        }
        return Message(self.names.of_camera(frame.camera, "scores"), _dump(body), qos=0)

    def stats(self, stats: Mapping[str, Any]) -> Message:
        """How the agent is doing."""
        body = {"schema": SCHEMA, "device": self._device, "model": self._model, **stats}
        return Message(self.names.of_device("stats"), _dump(body), qos=0)

    def _json(self, decision: Decision, sequence: int) -> bytes:
        return _dump(decision_record(decision, device=self._device, sequence=sequence, model=self._model))


def _availability(online: bool) -> bytes:
    return b"online" if online else b"offline"


def _dump(body: Mapping[str, Any]) -> bytes:
    return _JSON.encode(body).encode()
