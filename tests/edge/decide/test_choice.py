"""Which label scores and votes speak for, and how the present label is favoured."""

from __future__ import annotations

import numpy as np
import pytest

from edge.decide.choice import NONE, choose_labels, elect_label

THRESHOLDS = np.array([0.6, 0.6, 0.8])


def test_the_best_label_needs_its_own_threshold() -> None:
    rows = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7], [0, 0, 0]], np.float32)
    assert choose_labels(rows, NONE, THRESHOLDS, 0.1).tolist() == [0, NONE, NONE, NONE]


def test_the_present_label_stays_within_the_hysteresis_unless_another_leads_by_it() -> None:
    rows = np.array([[0.55, 0.45, 0.0], [0.45, 0.3, 0.25], [0.55, 0.625, 0.0], [0.5, 0.75, 0.0]], np.float32)
    assert choose_labels(rows, 0, THRESHOLDS, 0.125).tolist() == [0, NONE, 0, 1]


@pytest.mark.parametrize(
    ("votes", "present", "elected"),
    [
        ([0, 0, 1], NONE, 0),
        ([0, 1, NONE], NONE, NONE),
        ([1, 0, NONE], 0, 0),  # one vote is enough to stay
        ([1, 1, 0], 0, 1),
        ([NONE, NONE, NONE], 0, NONE),
    ],
)
def test_a_label_needs_enough_votes_and_the_present_one_fewer(
    votes: list[int], present: int, elected: int
) -> None:
    assert elect_label(np.array(votes), present, 3, needed=2, needed_to_stay=1) == elected
