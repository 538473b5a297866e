"""How long to wait: for an opening, for the next picture, and before a camera is opened again. Pure."""

from __future__ import annotations

import random
import statistics
from collections import deque

# Longer than OpenCV's own time-out (OPEN_TIMEOUT_MS), whose error tells more than ours.
OPEN_LIMIT_S = 8.0
# Of the limit: with 8 s, an opening that hangs costs 4 s. Opening an RTSP camera takes 1.5 s (LOG.md).
QUICK_SHARE = 0.5
# A busy computer takes twice as long now and then.
OPEN_SLACK = 2.0
# The median of so many openings counts: one that the damage made slow must not lengthen the limit for good.
KEPT_OPENINGS = 5
# Short limits in a row before a slow one, in case the camera itself has become slow: 12 s of damage.
MAX_SHORT_TRIES = 3
# A device that was unplugged for a moment is back within a second.
FIRST_RETRY_S = 0.5
# A camera that stays away is tried twice a minute: rarely enough for its log and ours.
LAST_RETRY_S = 30.0
# A camera that flaps delivers for less than this each time, so it does not count as well.
STEADY_AFTER_S = 3.0
# For a minute after a steady delivery at most 2 s lie between two tries: with doubling from the first failure
# on, a damaged stream took 22.6 s to come back (LOG.md), as its server gives no sign of its return.
SOON_S, SOON_RETRY_S = 60.0, 2.0
# From 8 gaps on the rate is known, for streams begin with a burst; 16 are kept, so that a rate may change.
KNOWN_GAPS, KEPT_GAPS = 8, 16
# The silence granted while the rate is unknown: cameras may deliver only one picture in some seconds.
START_SILENCE_S = 5.0
# Of a learnt gap no more counts, or else one long gap would hide a loss for minutes.
LONGEST_GAP_S = 10.0


class FrameTimeout:
    """Learns how long a camera is usually silent between two pictures; times in seconds.

    The longest of the last gaps counts: some cameras deliver in pairs, and streams begin with a burst.
    """

    def __init__(self, silence_s: float) -> None:
        """silence_s: so much is granted beyond two usual gaps."""
        self._silence_s = silence_s
        self._gaps: deque[float] = deque(maxlen=KEPT_GAPS)

    def learn(self, gap_s: float) -> None:
        """So much time was between two pictures."""
        self._gaps.append(gap_s)

    def reset(self) -> None:
        """The camera was lost: it may come back at another rate."""
        self._gaps.clear()

    @property
    def limit_s(self) -> float:
        """A silence longer than this is a loss."""
        if len(self._gaps) < KNOWN_GAPS:
            return max(self._silence_s, START_SILENCE_S)
        return self._silence_s + 2 * min(max(self._gaps), LONGEST_GAP_S)


class OpenTimeout:
    """Learns how long an opening may take; times in seconds.

    An opening that meets a damaged stream hangs until its limit. So a source that used to open quickly gets
    a short limit; after some hanging openings in a row one gets all of the time, and so on in turn.
    """

    def __init__(self, max_s: float = OPEN_LIMIT_S, min_s: float | None = None) -> None:
        """min_s: no limit is shorter; None: QUICK_SHARE of max_s."""
        self._max_s = max_s
        self._min_s = QUICK_SHARE * max_s if min_s is None else min_s
        self._took_s: deque[float] = deque(maxlen=KEPT_OPENINGS)
        self._hung = 0

    @property
    def limit_s(self) -> float:
        """How long the next opening may take."""
        if not self._took_s or self._hung >= MAX_SHORT_TRIES:
            return self._max_s
        return min(max(self._min_s, OPEN_SLACK * statistics.median(self._took_s)), self._max_s)

    def record_opening(self, took_s: float) -> None:
        """An opening took so long."""
        # After a slow try only that one counts: the source is slower than it was.
        if self._hung >= MAX_SHORT_TRIES:
            self._took_s.clear()
        self._took_s.append(took_s)
        self._hung = 0

    def record_hang(self) -> None:
        """An opening took all of its time in vain."""
        self._hung = 0 if self._hung >= MAX_SHORT_TRIES else self._hung + 1


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

    def record_delivery(self, since_s: float, now_s: float) -> None:
        """The camera has been delivering since then without a break."""
        if now_s - since_s >= STEADY_AFTER_S:
            self._steady_s = now_s
            self.reset()

    def reset(self) -> None:
        """Begin with the shortest delay again."""
        self._delay_s = self._first_s
