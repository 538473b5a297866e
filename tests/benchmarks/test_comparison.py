"""What a comparison says of its rounds, and where findings are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.comparison import FULL as EFFORT
from benchmarks.comparison import Comparison, Findings, Part, Table, as_text


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    comparison = Comparison("speed", (9, 8, 30), "the floor", (10, 10, 10), "fps")
    assert comparison.ratios == (0.9, 0.8, 3.0)
    assert comparison.ratio == 0.9


@pytest.mark.parametrize(
    ("better", "ratio", "reached", "alarming"),
    [
        ("high", 0.97, True, False),
        ("high", 0.96, False, False),
        ("high", 0.32, False, True),
        ("low", 0.97, True, False),
        ("low", 0.98, False, False),
        ("low", 2.92, False, True),
    ],
)
def test_a_goal_is_reached_missed_or_far_away(
    better: str, ratio: float, reached: bool, alarming: bool
) -> None:
    goal = 0.97
    comparison = Comparison("x", (ratio,), "y", (1.0,), "ms", better=better, goal=goal)  # type: ignore[arg-type]
    assert (comparison.reached, comparison.alarming) == (reached, alarming)


def test_without_a_goal_nothing_is_missed() -> None:
    comparison = Comparison("x", (1.0,), "y", (100.0,), "ms")
    assert comparison.reached
    assert not comparison.alarming


def test_a_missed_goal_is_said_with_its_reason() -> None:
    comparison = Comparison("x", (1.0,), "y", (2.0,), "fps", goal=0.9, note="the disk is slow")
    assert comparison.row[-1] == "MISSED: the disk is slow"
    text = as_text(Findings((comparison,), (Table(("a", "b"), (("1", "2"),)),), ("A remark.",)))
    assert [line.count("|") for line in text.splitlines() if "|" in line] == [9, 9, 9, 3, 3, 3]
    assert text.endswith("A remark.")


def test_findings_replace_their_own_chapter_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "RESULTS.md"
    monkeypatch.setattr(results, "RESULTS", file)
    parts = [Part(name, f"About {name}", lambda _work, _effort: Findings()) for name in ("one", "two")]
    for part in parts:
        results.keep(part, Findings(remarks=(f"{part.name}, first time",)), EFFORT)
    results.keep(parts[0], Findings(remarks=("one, second time",)), EFFORT)
    text = file.read_text()
    assert text.startswith(results.HEAD)
    assert "one, first time" not in text
    assert text.index("one, second time") < text.index("About two") < text.index("two, first time")


def test_a_part_says_why_where_a_goal_is_missed_and_only_there() -> None:
    part = Part("x", "X", lambda _work, _effort: Findings(), why="It is slow.")
    missed, reached = (
        Findings((Comparison("x", (ratio,), "y", (1.0,), "ms", goal=1.0),), remarks=("A remark.",))
        for ratio in (0.5, 2.0)
    )
    assert part.explained(missed).remarks == ("A remark.", "It is slow.")
    assert part.explained(reached).remarks == ("A remark.",)
