"""What came of a fault done many times over, and the table of all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("fault", "tries", "sent", "received", "lost", "recovery, s", "")
MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """sent, received, lost: events, None where none are counted; recovery_s: of each try, in seconds.

    trouble: what went wrong, one sentence each; empty where all that is claimed held.
    """

    fault: str
    tries: int
    sent: int | None = None
    received: int | None = None
    lost: int | None = None
    recovery_s: tuple[float, ...] = ()
    trouble: tuple[str, ...] = ()
    note: str = ""

    @property
    def held(self) -> bool:
        """Whether all that is claimed held."""
        return not (self.trouble or self.lost)

    @property
    def row(self) -> tuple[str, ...]:
        """The outcome as cells of the table."""
        counts = ("-" if count is None else f"{count:,}" for count in (self.sent, self.received, self.lost))
        more = f" and {len(self.trouble) - MOST_TOLD} more" if len(self.trouble) > MOST_TOLD else ""
        failed = f"FAILED: {'; '.join(self.trouble[:MOST_TOLD]) or 'events are missing'}{more}"
        verdict = (self.note or "held") if self.held else failed
        return (self.fault, str(self.tries), *counts, _spread(self.recovery_s), verdict)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. run: does it in an empty folder, `tries` times (or for so many minutes); its outcome.

    tries: by hand; short_tries: in CI.
    """

    name: str
    run: Callable[[Path, int], Outcome]
    tries: int
    short_tries: int


def table(outcomes: Sequence[Outcome]) -> str:
    """All outcomes as aligned text."""
    rows = [COLUMNS, *(outcome.row for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    lines = []
    for row in rows:
        name, *numbers = (cell for cell in row[:-1])
        cells = [f"{name:{widths[0]}}", *(f"{n:>{w}}" for n, w in zip(numbers, widths[1:], strict=True))]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    """The median and the longest."""
    return f"{statistics.median(seconds):.1f} ≤ {max(seconds):.1f}" if seconds else "-"
