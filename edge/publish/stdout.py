"""STAGE 4, on standard output: one JSON object a line."""

from __future__ import annotations

import json

from edge.publish.payloads import decision_record
from edge.publish.registry import SinkContext
from edge.publish.sink import Sink
from edge.records import Decision


class StdoutSink(Sink):
    """One JSON object a line for every decision; `changed` marks those that are events."""

    def __init__(self, context: SinkContext) -> None:
        self._stream, self._device = context.stream, context.device
        model = context.model
        self._model = {"name": model.name, "version": model.version, "hash": model.sha256}

    def publish(self, decision: Decision, sequence: int) -> None:
        """Print a decision."""
        record = decision_record(decision, device=self._device, sequence=sequence, model=self._model)
        print(
            json.dumps({**record, "changed": decision.changed}, ensure_ascii=False),
            file=self._stream,
            flush=True,
        )
