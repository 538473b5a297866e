"""How fast events may leave: a steady rate, and a pause where the broker refuses them for now. Pure."""

from __future__ import annotations

BURST_S = 0.25  # what the rate allows in this time may go at once
# A quota of the broker is over soon or not for a while; half a minute is what people wait without asking.
FIRST_DELAY_S, LAST_DELAY_S = 1.0, 30.0


class Allowance:
    """How many events may go now, at a steady rate a second with a small burst."""

    def __init__(self, rate: float, now_s: float) -> None:
        self._rate, self._max = rate, max(1.0, rate * BURST_S)
        self._left, self._at_s = self._max, now_s

    def left(self, now_s: float) -> int:
        """So many."""
        self._left = min(self._max, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        return int(self._left)

    def spend(self, count: int) -> None:
        """So many have gone."""
        self._left -= count


class Pause:
    """After a refusal for now: nothing goes for a delay that grows, then one event as a trial, then all."""

    def __init__(self) -> None:
        self._delay_s = self._due_s = 0.0
        self._trial: int | None = None

    @property
    def active(self) -> bool:
        """True until a trial has been taken."""
        return self._delay_s > 0

    def refused(self, now_s: float) -> None:
        """Several refusals of what was under way together are one."""
        if now_s >= self._due_s:
            self._delay_s = min(max(FIRST_DELAY_S, 2 * self._delay_s), LAST_DELAY_S)
            self._due_s = now_s + self._delay_s

    def is_over(self, now_s: float) -> bool:
        """May a trial be made?"""
        return now_s >= self._due_s

    def tries(self, handle: int) -> None:
        """This event is the trial."""
        self._trial = handle

    def answered(self, handle: int) -> None:
        """The broker has taken this event, or refused it for good."""
        if handle == self._trial:
            self._delay_s, self._trial = 0.0, None
