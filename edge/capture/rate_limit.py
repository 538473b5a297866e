"""At most so many pictures a second, on the source's own time line. Pure."""

from __future__ import annotations

TIME_STAMP_GRACE_S = 5e-4  # containers round their time stamps to milliseconds


class RateLimit:
    """Says which pictures are due; times in seconds."""

    def __init__(self, fps: float | None) -> None:
        """fps: None lets every picture through."""
        self._interval_s = 1 / fps if fps else 0.0
        self._due_s = float("-inf")

    def is_due(self, time_s: float) -> bool:
        """True if a picture of this time may be let through; `passed` says that it was."""
        interval_s = self._interval_s
        rested = self._due_s > time_s + interval_s + TIME_STAMP_GRACE_S  # that is too long to wait by now
        return not interval_s or rested or time_s >= self._due_s - TIME_STAMP_GRACE_S

    def passed(self, time_s: float) -> None:
        """A picture of this time was let through."""
        interval_s = self._interval_s
        off = not -interval_s <= time_s - self._due_s < interval_s
        self._due_s = (time_s if off else self._due_s) + interval_s
