"""All sinks as one: events get their numbers here, and every sink hears of everything."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BrokerUnavailableError
from edge.publish.outbox.sequences import Sequences
from edge.publish.sink import Sink, SinkLiveness
from edge.records import Decision, Frame

log = logging.getLogger(__name__)

REQUIRE_STEP_S = 0.25  # how long at most one sink is waited for before somebody's stop is noticed


class Publisher:
    """Hands what the agent says to all sinks; used by the loop's thread alone."""

    def __init__(self, sinks: Sequence[Sink], numbers: Sequences, heartbeat_s: float = 60.0) -> None:
        """heartbeat_s: a camera whose state has not changed for so long has it said again."""
        self._sinks, self._numbers, self._heartbeat_s = sinks, numbers, heartbeat_s
        self._online: dict[str, bool] = {}
        self._refresh_due_s: dict[str, float] = {}

    def start(self) -> None:
        """Start every sink."""
        for sink in self._sinks:
            sink.start()

    def require(self, stop: threading.Event, timeout_s: float) -> None:
        """Wait until every sink can deliver, or `stop` is set; raises BrokerUnavailableError."""
        deadline_s = time.monotonic() + timeout_s
        for sink in self._sinks:
            while not stop.is_set():
                try:
                    sink.require(REQUIRE_STEP_S)
                    break
                except BrokerUnavailableError:
                    if time.monotonic() > deadline_s:
                        raise

    def publish(self, decision: Decision) -> None:
        """Hand a decision over; one that changes the state is an event and gets the next number."""
        camera, numbers = decision.camera, self._numbers
        sequence = numbers.advance(camera) if decision.changed else numbers.current(camera)
        if decision.changed:
            self._refresh_due_s[camera] = time.monotonic() + self._heartbeat_s
            what = decision.label or f"unknown, {decision.unknown_reason}"
            log.info("camera %s: %s (%.2f)", camera, what, decision.confidence)
        for sink in self._sinks:
            sink.publish(decision, sequence)

    def set_online(self, camera: str, *, online: bool) -> None:
        """Tell whether a camera delivers frames, where that has changed."""
        if self._online.get(camera) is not online:
            self._online[camera] = online
            for sink in self._sinks:
                sink.camera_availability(camera, online=online)

    def is_online(self, camera: str) -> bool:
        """Whether the camera was last said to deliver frames."""
        return self._online.get(camera, False)

    def retire(self, camera: str) -> None:
        """The camera has ended: its state is said no more."""
        self._refresh_due_s.pop(camera, None)
        self.set_online(camera, online=False)

    def poll(self, now_s: float) -> None:
        """Let every sink do what is due, and say again the states that have not changed for a while."""
        for camera, due_s in self._refresh_due_s.items():
            if now_s >= due_s:
                self._refresh_due_s[camera] = now_s + self._heartbeat_s
                for sink in self._sinks:
                    sink.refresh(camera)
        for sink in self._sinks:
            sink.poll()

    def scores(self, frame: Frame, age_ms: float, values: NDArray[np.float32]) -> None:
        """Hand over all scores of one frame, of shape (labels,)."""
        for sink in self._sinks:
            sink.scores(frame, age_ms, values)

    def stats(self, record: Mapping[str, Any]) -> None:
        """Hand over the agent's counters."""
        for sink in self._sinks:
            sink.stats(record)

    def report(self) -> dict[str, Any]:
        """What the sinks have to say of themselves."""
        return {key: value for sink in self._sinks for key, value in sink.report().items()}

    def liveness(self) -> list[SinkLiveness]:
        """How the sinks are that have threads of their own, always in the same order."""
        return [liveness for sink in self._sinks if (liveness := sink.liveness()) is not None]

    def close(self, timeout_s: float) -> None:
        """Close every sink, the last one first, whatever of it fails; raises the first failure."""
        with contextlib.ExitStack() as endings:
            for sink in self._sinks:
                endings.callback(sink.close, timeout_s)
