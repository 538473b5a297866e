"""The unknown rule on arrays: what counts, and which reason comes first."""

from __future__ import annotations

import numpy as np
import pytest

from edge.records import Limits, Scores, UnknownReason
from edge.unknown_rule import is_familiar, judge, reaches, unknown_reason

LABELS = ("blue", "red")


def test_a_picture_must_be_familiar_and_reach_its_labels_threshold() -> None:
    scores = np.array([[0.7, 0.3], [0.7, 0.3], [0.3, 0.7], [0.1, 0.9], [0.3, 0.7]], np.float32)
    answers = judge(scores, np.array([0.8, 0.5, 0.8, 0.6, 0.5]), np.array([0.6, 0.8]), 0.6)
    assert answers.best.tolist() == [0, 0, 1, 1, 1]
    assert answers.counted.tolist() == [True, False, False, True, False]
    reasons = [answers.reason(index) for index in range(5)]
    assert reasons == [None, "unfamiliar", "low_score", None, "unfamiliar"]


@pytest.mark.parametrize(
    ("values", "familiarity", "reason"),
    [
        ((0.4, 0.6), None, None),
        ((0.4, 0.6), 0.7, None),
        ((0.4, 0.6), 0.69, "unfamiliar"),
        ((0.55, 0.45), 0.9, "low_score"),
    ],
)
def test_a_familiarity_that_is_not_known_is_no_reason(
    values: tuple[float, float], familiarity: float | None, reason: UnknownReason | None
) -> None:
    scores = Scores(np.array(values, np.float32), 0.0, 0.0, familiarity)
    assert unknown_reason(scores, LABELS, Limits(0.6, {"red": 0.5}, 0.7)) == reason


def test_scores_that_are_all_zero_reach_no_threshold_at_all() -> None:
    scores = np.array([[0, 0], [0, 0.01]], np.float32)
    assert reaches(scores, np.zeros(2)).tolist() == [[False, False], [True, True]]


def test_the_slack_is_by_how_much_a_limit_may_be_missed() -> None:
    scores = np.array([[0.5, 0.4]], np.float32)
    assert reaches(scores, np.array([0.6, 0.6]), slack=0.125).tolist() == [[True, False]]
    assert is_familiar(np.array([0.5, 0.4]), 0.6, slack=0.125).tolist() == [True, False]
