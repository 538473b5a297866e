"""What a measurement is here: ours against something else, in pairs taken in turn, and its ratio's spread."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

QUICK_MARGIN = 3.0  # CI's machines are busy: only what is worse than the goal by this factor fails there
COLUMNS = ("what", "ours", "against", "of", "ratio", "lowest to highest", "goal", "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """ours[i] and theirs[i] were measured in one round, on the same machine; `theirs` is what `against` gave.

    better: whether a high or a low ratio ours / theirs is good. goal: what its median must reach, None
    where the figure is for information. note: why a goal was missed, or what to know.
    """

    what: str
    ours: tuple[float, ...]
    against: str
    theirs: tuple[float, ...]
    unit: str
    better: Literal["high", "low"] = "high"
    goal: float | None = None
    note: str = ""

    @property
    def ratios(self) -> tuple[float, ...]:
        """Of each round."""
        return tuple(our / their for our, their in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the median reaches the goal."""
        return self._reaches(1.0)

    @property
    def alarming(self) -> bool:
        """Whether it misses the goal by so much that a busy machine does not explain it."""
        return not self._reaches(QUICK_MARGIN)

    def _reaches(self, margin: float) -> bool:
        if self.goal is None:
            return True
        return self.ratio >= self.goal / margin if self.better == "high" else self.ratio <= self.goal * margin

    @property
    def row(self) -> tuple[str, ...]:
        """The comparison as cells under COLUMNS."""
        sign = "≥" if self.better == "high" else "≤"
        verdict = "" if self.goal is None else "reached" if self.reached else "MISSED"
        return (
            self.what,
            f"{short(statistics.median(self.ours))} {self.unit}",
            f"{short(statistics.median(self.theirs))} {self.unit}",
            self.against,
            short(self.ratio),
            f"{short(min(self.ratios))} to {short(max(self.ratios))}",
            "" if self.goal is None else f"{sign} {self.goal:g}",
            ": ".join(part for part in (verdict, self.note) if part),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that are no ratios: of several programs side by side, or parts of a whole."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of one measurement; remarks are sentences under its tables. skipped: why there is nothing."""

    comparisons: tuple[Comparison, ...] = ()
    tables: tuple[Table, ...] = ()
    remarks: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to do: rounds of each comparison, and seconds or so for each side of a round."""

    rounds: int = 5
    seconds: float = 10.0


FULL, QUICK = Effort(), Effort(rounds=1, seconds=2.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One measurement. run: does it, in an empty folder. quick: whether CI runs it as well.

    why: why a goal may be missed, and what was tried, for those who find one missed.
    """

    name: str
    title: str
    run: Callable[[Path, Effort], Findings]
    quick: bool = True
    why: str = ""

    def explained(self, findings: Findings) -> Findings:
        """The findings, with why among the remarks where a goal was missed."""
        if not self.why or all(comparison.reached for comparison in findings.comparisons):
            return findings
        return dataclasses.replace(findings, remarks=(*findings.remarks, self.why))


def as_text(findings: Findings) -> str:
    """The findings as Markdown whose columns are aligned."""
    if findings.skipped:
        return f"skipped: {findings.skipped}"
    tables = list(findings.tables)
    if findings.comparisons:
        tables.insert(0, Table(COLUMNS, tuple(comparison.row for comparison in findings.comparisons)))
    return "\n\n".join([*map(_markdown, tables), *findings.remarks])


def _markdown(table: Table) -> str:
    rows = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.columns))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, _line(["-" * width for width in widths], widths))
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)) + " |"


def short(value: float) -> str:
    """Three figures that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")
