"""How figures are spelt in sentences and tables."""

from __future__ import annotations

from training.evaluation.intervals import Interval

NO_BREAK = "\N{NO-BREAK SPACE}"


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage that no line break tears apart."""
    return f"{100 * share:.{digits}f}{NO_BREAK}%"


def interval_text(interval: Interval) -> str:
    """A 95 % interval in words."""
    low, high = interval
    return f"95{NO_BREAK}% interval {100 * low:.1f} to {percent(high)}"


def short_interval(interval: Interval) -> str:
    """A 95 % interval in whole percent, for tables."""
    return f"{100 * interval[0]:.0f}–{100 * interval[1]:.0f}"
