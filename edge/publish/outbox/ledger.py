"""What the outbox keeps count of beside its events: their last numbers, how many were dropped, its age."""

from __future__ import annotations

from collections.abc import Callable, Mapping

DROPPED, LIVED = "dropped", "lived_s"  # the names of the counts in the store
# A kill loses at most so much of the outbox's age; writing it with every event would cost a page each time.
COUNTING_S = 10.0


class Ledger:
    """Numbers by camera, and counts; the clock is monotonic, in seconds."""

    def __init__(
        self, numbers: Mapping[str, int], counts: Mapping[str, float], clock: Callable[[], float]
    ) -> None:
        self.numbers = dict(numbers)
        self.dropped = int(counts.get(DROPPED, 0))
        self._clock, self._opened_s = clock, clock()
        self._lived_before_s = counts.get(LIVED, 0.0)
        self._counting_due_s = clock()

    @property
    def lived_s(self) -> float:
        """Seconds that agents have run with this outbox: the age of events is counted in these."""
        return self._lived_before_s + self._clock() - self._opened_s

    def counts(self) -> dict[str, float]:
        """All counts, as the store keeps them."""
        return {DROPPED: self.dropped, LIVED: self.lived_s}

    def counts_due(self) -> dict[str, float]:
        """The counts where it is time to keep them, else none: they are a page of their own in the file."""
        if self._clock() < self._counting_due_s:
            return {}
        self._counting_due_s = self._clock() + COUNTING_S
        return self.counts()

    def add(self, earlier: Mapping[str, float]) -> None:
        """Add counts that were found on the disk only now."""
        self.dropped += int(earlier.get(DROPPED, 0))
        self._lived_before_s += earlier.get(LIVED, 0.0)
