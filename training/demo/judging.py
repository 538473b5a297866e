"""What a subscriber received, held against the label track: each cell judged once, at the end of its hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from training.demo.conveyor import Cell

Outcome = Literal["right", "wrong", "unknown"]

# Of the answered cells; the experts themselves doubt many of these cells.
MIN_RIGHT = 0.8
# Of all cells: a demonstration that mostly says unknown shows nothing.
MAX_UNKNOWN = 1 / 3


@dataclass(frozen=True, slots=True)
class Received:
    """One label change as it came over MQTT; label is None where the agent says unknown."""

    frame: int
    label: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Tally:
    """How many cells were judged how."""

    right: int
    wrong: int
    unknown: int

    @property
    def cells(self) -> int:
        """All of them."""
        return self.right + self.wrong + self.unknown

    @property
    def passed(self) -> bool:
        """Whether enough cells were answered, and enough of the answers right."""
        answered = self.right + self.wrong
        return self.unknown <= MAX_UNKNOWN * self.cells and self.right >= MIN_RIGHT * max(1, answered)


def judge_cell(cell: Cell, received: Sequence[Received]) -> Outcome:
    """Judge by the last change up to the cell's last frame; `received` is in frame order."""
    label = None
    for change in received:
        if change.frame > cell.last_frame:
            break
        label = change.label
    if label is None:
        return "unknown"
    return "right" if label == cell.label else "wrong"


def tally(track: Sequence[Cell], received: Sequence[Received]) -> Tally:
    """Judge every cell."""
    outcomes = [judge_cell(cell, received) for cell in track]
    return Tally(outcomes.count("right"), outcomes.count("wrong"), outcomes.count("unknown"))
