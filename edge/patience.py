"""How long to wait: for a camera's next picture, and before it is opened again. Pure."""

from __future__ import annotations

import random
from collections import deque

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
STEADY_AFTER_S = 5.0
KNOWN_GAPS, KEPT_GAPS = 8, 16
START_SILENCE_S = 5.0
LONGEST_GAP_S = 10.0


class Pace:
    """What a camera's pictures say about the silence that is usual between them; times in seconds.

    The longest of the last gaps counts: some cameras deliver in pairs, and streams begin with a burst.
    """

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._gaps: deque[float] = deque(maxlen=KEPT_GAPS)

    def learn(self, gap_s: float) -> None:
        """So much time was between two pictures."""
        self._gaps.append(gap_s)

    @property
    def limit_s(self) -> float:
        """A silence longer than this is a loss: two intervals more than what is granted anyway."""
        if len(self._gaps) < KNOWN_GAPS:
            return max(self._silence_s, START_SILENCE_S)
        return self._silence_s + 2 * min(max(self._gaps), LONGEST_GAP_S)


class Backoff:
    """Exponential, jittered delays in seconds; only some seconds of delivery make them short again."""

    def __init__(self, first_s: float = FIRST_RETRY_S) -> None:
        self._first_s = self._delay_s = first_s

    def next_s(self) -> float:
        """The delay before the next try."""
        delay_s = self._delay_s * random.uniform(0.5, 1.0)  # noqa: S311 (spread, not secrecy)
        self._delay_s = min(2 * self._delay_s, LAST_RETRY_S)
        return delay_s

    def delivered_for(self, duration_s: float) -> None:
        """The camera has been delivering for so long without a break."""
        if duration_s >= STEADY_AFTER_S:
            self.reset()

    def reset(self) -> None:
        """Begin with the shortest delay again."""
        self._delay_s = self._first_s
