"""What came of the steps, one row each, and the table of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Row:
    """One step: what was seen, or why it did not hold."""

    step: str
    seen: str
    seconds: float
    held: bool

    def __str__(self) -> str:
        """One line of the table."""
        verdict = "held" if self.held else "FAILED"
        return f"{self.step:34} {self.seconds:6.0f} s  {verdict:6}  {self.seen}"


def row_of(step: str, do: Callable[[], str]) -> Row:
    """Do a step, and print its row's words as they come; `do` says what was seen, or fails."""
    print(f"{step} …", end=" ", flush=True)
    started_s = time.monotonic()
    try:
        seen, held = do(), True
    except (pytest.fail.Exception, pytest.skip.Exception, OSError, ValueError) as error:
        seen, held = str(error), False
    row = Row(step, " ".join(seen.split()), time.monotonic() - started_s, held)
    print(f"{row.seconds:.0f} s: {'held' if held else 'FAILED'}: {row.seen}", flush=True)
    return row


def table(rows: Sequence[Row]) -> str:
    """All rows, and their sum."""
    failed = sum(not row.held for row in rows)
    verdict = f"{failed} of {len(rows)} steps FAILED" if failed else f"all {len(rows)} steps held"
    return "\n".join([*map(str, rows), f"{verdict} in {sum(row.seconds for row in rows) / 60:.0f} minutes"])
