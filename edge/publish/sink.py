"""Where decisions go: the base class of all sinks.

A sink is one file with one subclass of `Sink`, which overrides what it needs. `registry` makes it by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import Decision, Frame


@dataclass(frozen=True, slots=True)
class SinkLiveness:
    """What a sink with a thread of its own says: when that last moved, and how its events get away.

    problem: why there is no connection, None with one; waiting: events not acknowledged yet; answered: how
    often the broker has taken or refused one, since the start.
    """

    alive_s: float
    problem: str | None
    waiting: int
    answered: int


class Sink:
    """Takes what the agent has to say. Every method does nothing; all are called from the loop's thread.

    None of them may block for long: while a sink waits, no camera is looked at.
    """

    def start(self) -> None:
        """Open what it needs; called once, before anything else."""

    def require(self, timeout_s: float) -> None:
        """Wait until it can deliver; raises BrokerUnavailableError after `timeout_s`."""

    def publish(self, decision: Decision, sequence: int) -> None:
        """Take a decision; `sequence` numbers its camera's events, and `decision.changed` marks an event."""

    def refresh(self, camera: str) -> None:
        """Say a camera's present state again: nothing has changed for a while."""

    def poll(self) -> None:
        """Do what is due; called about four times a second, and raises what its own threads ended by."""

    def camera_availability(self, camera: str, *, online: bool) -> None:
        """Tell whether a camera delivers frames."""

    def scores(self, frame: Frame, age_ms: float, values: NDArray[np.float32]) -> None:
        """Take all scores of one frame, of shape (labels,); `age_ms` is the frame's age by then."""

    def stats(self, stats: Mapping[str, Any]) -> None:
        """Take the agent's counters."""

    def report(self) -> Mapping[str, Any]:
        """What it has to say of itself, for the counters."""
        return {}

    def liveness(self) -> SinkLiveness | None:
        """How its own thread is; None for a sink without one."""
        return None

    def close(self, timeout_s: float) -> None:
        """Deliver what it still can within `timeout_s`, and let go of everything."""
