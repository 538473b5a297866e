"""STAGE 4, on standard output: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from edge.publish.topics import decision_record
from edge.records import Decision, Frame, ModelIdentity


class StdoutSink:
    """One JSON object a line for every decision; `changed` marks those that are events."""

    def __init__(self, stream: TextIO, device: str, model: ModelIdentity) -> None:
        self._stream, self._device = stream, device
        self._model = {"name": model.name, "version": model.version, "hash": model.sha256}

    def start(self) -> None:
        """Nothing to open."""

    def require(self, timeout_s: float) -> None:
        """Always there."""

    def publish(self, decision: Decision, sequence: int) -> None:
        """Print a decision."""
        record = decision_record(decision, device=self._device, sequence=sequence, model=self._model)
        print(
            json.dumps({**record, "changed": decision.changed}, ensure_ascii=False),
            file=self._stream,
            flush=True,
        )

    def refresh(self, camera: str) -> None:
        """Every decision is printed as it comes: nothing to repeat."""

    def tend(self) -> None:
        """Nothing waits."""

    def camera_availability(self, camera: str, *, online: bool) -> None:
        """Told by the log and by `no_frames`."""

    def scores(self, frame: Frame, age_ms: float, values: NDArray[np.float32]) -> None:
        """Not printed: the best ones are in each decision."""

    def stats(self, stats: Mapping[str, Any]) -> None:
        """Not printed."""

    def report(self) -> dict[str, Any]:
        """Nothing to say."""
        return {}

    def pulse(self) -> None:
        """It has no thread of its own."""

    def close(self, timeout_s: float) -> None:
        """Nothing to close: the stream is its owner's."""
