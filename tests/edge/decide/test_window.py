"""The window says whether it is full, and averages only what is known."""

from __future__ import annotations

import numpy as np
import pytest

from edge.decide.window import ScoreWindow
from edge.records import Scores


def scores(value: float, familiarity: float | None = None) -> Scores:
    return Scores(np.array([value, 1 - value], np.float32), 0.0, 0.0, familiarity)


def test_it_is_full_when_as_many_frames_have_come_as_fit_and_not_after_it_was_cleared() -> None:
    window = ScoreWindow(2)
    states = []
    for value in (0.25, 0.5, 0.75):
        window.add(scores(value))
        states.append(window.is_full)
    assert states == [False, True, True]
    assert window.values()[:, 0].tolist() == [0.5, 0.75]
    window.clear()
    assert not window.is_full


def test_a_familiarity_that_is_not_known_is_not_averaged() -> None:
    window = ScoreWindow(3)
    window.add(scores(0.5))
    assert window.mean_familiarity() is None
    for familiarity in (0.5, 0.7):
        window.add(scores(0.5, familiarity))
    assert window.mean_familiarity() == pytest.approx(0.6)
