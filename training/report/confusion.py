"""Which label was taken for which: the confusion counts as pairs, and as a table to shade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A larger table fits no screen; the pairs tell the same.
MAX_IN_TABLE = 60


@dataclass(frozen=True, slots=True)
class Confused:
    """`count` photographs of `label`, which has `own`, that were called `called`."""

    label: str
    called: str
    count: int
    own: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table: share of its row, 0 to 1; right on the diagonal."""

    count: int
    share: float
    right: bool


def confused_pairs(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> tuple[Confused, ...]:
    """All pairs that were confused, the most frequent first."""
    pairs = [
        Confused(labels[i], labels[j], count, sum(row))
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return tuple(
        sorted(pairs, key=lambda pair: (-pair.count, -pair.count / pair.own, pair.label, pair.called))
    )


def table_rows(
    labels: Sequence[str], confusion: Sequence[Sequence[int]]
) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    """Label and cells of each row; nothing where there are too many classes for a table."""
    if len(labels) > MAX_IN_TABLE:
        return ()
    return tuple(
        (label, tuple(Cell(count, count / max(1, sum(row)), i == j) for j, count in enumerate(row)))
        for i, (label, row) in enumerate(zip(labels, confusion, strict=True))
    )
