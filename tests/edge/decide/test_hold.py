"""An answer must last before it counts."""

from __future__ import annotations

from edge.decide.hold import Hold


def test_the_hold_is_over_when_the_same_answer_has_lasted_long_enough() -> None:
    hold = Hold(0.3)
    given = [("red", 0.0), ("red", 0.2), ("red", 0.1 + 0.2), ("blue", 0.4), (None, 0.5), ("blue", 0.7)]
    assert [hold.is_over(*answer) for answer in given] == [False, False, True, False, False, False]


def test_after_it_was_cleared_the_same_answer_starts_anew() -> None:
    hold = Hold(0.3)
    hold.is_over("red", 0.0)
    hold.clear()
    assert not hold.is_over("red", 0.4)
    assert hold.is_over("red", 0.7)
