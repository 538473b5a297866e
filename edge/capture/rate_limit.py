"""At most so many pictures a second, on the source's own time line. Pure."""

from __future__ import annotations

# Containers round their time stamps to milliseconds.
TIME_STAMP_GRACE_S = 5e-4


class RateLimit:
    """Says which pictures are due; times in seconds."""

    def __init__(self, fps: float | None) -> None:
        """fps: None lets every picture through."""
        self._interval_s = 1 / fps if fps else 0.0
        self._due_s = float("-inf")

    def is_due(self, time_s: float) -> bool:
        """True if a picture of this time may be let through; `advance` says that it was."""
        interval_s = self._interval_s
        # A due time that is more than an interval away comes from a clock or a position that was set back.
        was_set_back = self._due_s > time_s + interval_s + TIME_STAMP_GRACE_S
        return not interval_s or was_set_back or time_s >= self._due_s - TIME_STAMP_GRACE_S

    def advance(self, time_s: float) -> None:
        """A picture of this time was let through."""
        interval_s = self._interval_s
        off = not -interval_s <= time_s - self._due_s < interval_s
        self._due_s = (time_s if off else self._due_s) + interval_s
