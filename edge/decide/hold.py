"""The hold: a label must be the answer for some time before it becomes the state."""

from __future__ import annotations

# Times on a recording's time line are sums of floats; a microsecond is far below any frame's interval.
ROUNDING_S = 1e-6


class Hold:
    """How long the same answer has lasted, on the frames' own time line."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._answer: str | None = None
        self._since_s = 0.0

    def is_over(self, answer: str | None, time_s: float) -> bool:
        """Whether this answer, given at `time_s`, has lasted long enough."""
        if answer != self._answer:
            self._answer, self._since_s = answer, time_s
        return time_s - self._since_s + ROUNDING_S >= self._hold_s

    def clear(self) -> None:
        """Forget the answer: the next label starts anew."""
        self._answer = None
