"""A sink that only remembers, for the loop's own tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.publish.sink import Sink
from edge.records import Decision, Frame


class RecordingSink(Sink):
    """Keeps everything that the agent says, in order."""

    def __init__(self) -> None:
        self.decisions: list[tuple[Decision, int]] = []
        self.availability: list[tuple[str, bool]] = []
        self.refreshed: list[str] = []
        self.frames_scored: list[int] = []
        self.reports: list[Mapping[str, Any]] = []
        self.calls: list[str] = []

    def changes(self, camera: str = "cam") -> list[str]:
        """The label or the reason of each event of a camera."""
        return [
            str(decision.label or decision.unknown_reason)
            for decision, _ in self.decisions
            if decision.changed and decision.camera == camera
        ]

    def start(self) -> None:
        self.calls.append("start")

    def require(self, timeout_s: float) -> None:
        self.calls.append("require")

    def publish(self, decision: Decision, sequence: int) -> None:
        self.decisions.append((decision, sequence))

    def refresh(self, camera: str) -> None:
        self.refreshed.append(camera)

    def camera_availability(self, camera: str, *, online: bool) -> None:
        self.availability.append((camera, online))

    def scores(self, frame: Frame, age_ms: float, values: NDArray[np.float32]) -> None:
        self.frames_scored.append(frame.index)

    def stats(self, stats: Mapping[str, Any]) -> None:
        self.reports.append(stats)

    def report(self) -> Mapping[str, Any]:
        return {"sink": "fine"}

    def close(self, timeout_s: float) -> None:
        self.calls.append("close")
