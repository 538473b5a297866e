"""What a sink is to the loop that hands decisions to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SinkPulse:
    """What a sink with a thread of its own says: when that last moved, and how its events get away.

    problem: why there is no connection, None with one; waiting: events not acknowledged yet; answered: how
    often the broker has taken or refused one, since the start.
    """

    alive_s: float
    problem: str | None
    waiting: int
    answered: int
