"""How long to wait: for a camera's next picture, and before it is opened again. Pure."""

from __future__ import annotations

import random
from collections import deque

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
STEADY_AFTER_S = 3.0
SOON_S, SOON_RETRY_S = 60.0, 2.0
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

    def forget(self) -> None:
        """The camera was lost: it may come back at another rate."""
        self._gaps.clear()

    @property
    def limit_s(self) -> float:
        """A silence longer than this is a loss: two intervals more than what is granted anyway."""
        if len(self._gaps) < KNOWN_GAPS:
            return max(self._silence_s, START_SILENCE_S)
        return self._silence_s + 2 * min(max(self._gaps), LONGEST_GAP_S)


class Backoff:
    """Exponential, jittered delays in seconds, from times on the monotonic clock.

    Only some seconds of delivery make them short again. After those they stay short for a while, so that a
    camera that comes back soon is not waited for longer than it was away.
    """

    def __init__(self, first_s: float = FIRST_RETRY_S) -> None:
        self._first_s = self._delay_s = first_s
        self._steady_s = float("-inf")

    def next_s(self, began_s: float, now_s: float) -> float:
        """The delay until the next try, when the last one began and ended at these times."""
        if now_s - self._steady_s < SOON_S:
            self._delay_s = min(self._delay_s, SOON_RETRY_S)
        delay_s = self._delay_s * random.uniform(0.5, 1.0)  # noqa: S311 (spread, not secrecy)
        self._delay_s = min(2 * self._delay_s, LAST_RETRY_S)
        # What a try took counts: some hang for seconds before they fail.
        return max(delay_s - (now_s - began_s), self._first_s / 2)

    def delivered(self, since_s: float, now_s: float) -> None:
        """The camera has been delivering since then without a break."""
        if now_s - since_s >= STEADY_AFTER_S:
            self._steady_s = now_s
            self.reset()

    def reset(self) -> None:
        """Begin with the shortest delay again."""
        self._delay_s = self._first_s
