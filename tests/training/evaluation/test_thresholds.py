"""From which score on an answer counts: lowest that keeps the promise, and no threshold made of chance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluation.thresholds import Thresholds, choose_thresholds


def _scores(confidences: list[float], label: int = 0, labels: int = 2) -> NDArray[np.float32]:
    """`label` said with each confidence, the rest spread evenly."""
    rows = [[(1 - c) / (labels - 1)] * labels for c in confidences]
    for row, confidence in zip(rows, confidences, strict=True):
        row[label] = confidence
    return np.array(rows, np.float32)


def _chosen(said: list[tuple[int, float, bool, int]], target: float = 0.95, labels: int = 3) -> Thresholds:
    """Of pictures given as (label said, confidence, right, how many)."""
    scores = np.concatenate([_scores([c] * count, label, labels) for label, c, _, count in said])
    truth = np.repeat(
        [label if right else (label + 1) % labels for label, _, right, _ in said],
        [count for *_, count in said],
    )
    return choose_thresholds(scores, truth, target)


def test_sure_and_right_answers_need_the_lowest_threshold() -> None:
    assert choose_thresholds(_scores([0.99] * 50), np.zeros(50, np.int64)) == Thresholds(0.5, {})


def test_the_threshold_shuts_out_doubtful_mistakes() -> None:
    assert _chosen([(0, 0.95, True, 90), (0, 0.62, False, 10)]).common == 0.65


def test_most_pictures_are_answered() -> None:
    assert _chosen([(0, 0.95, True, 60), (0, 0.62, False, 40)]).common == 0.5


@pytest.mark.parametrize(("target", "expected"), [(0.6, 0.5), (0.9, 0.65), (0.95, 0.75)])
def test_a_higher_precision_asks_for_a_higher_threshold(target: float, expected: float) -> None:
    said = [(0, 0.97, True, 200), (0, 0.72, True, 30), (0, 0.72, False, 20), (0, 0.62, False, 15)]
    assert _chosen(said, target).common == expected


def test_a_label_that_is_surely_worse_gets_a_higher_threshold() -> None:
    said = [(0, 0.97, True, 300), (1, 0.92, True, 60), (1, 0.72, False, 15)]
    assert _chosen(said) == Thresholds(0.5, {1: 0.75})


def test_six_pictures_are_no_reason_for_a_threshold() -> None:
    said = [(0, 0.97, True, 300), (1, 0.92, True, 3), (1, 0.72, False, 3)]
    assert _chosen(said) == Thresholds(0.5, {})


def test_a_label_a_little_worse_keeps_the_common_threshold() -> None:
    said = [(0, 0.97, True, 300), (1, 0.92, True, 36), (1, 0.72, False, 4)]
    assert _chosen(said) == Thresholds(0.5, {})


def test_a_label_that_is_surely_better_gets_a_lower_threshold() -> None:
    said = [(0, 0.55, True, 80), (1, 0.97, True, 400), (1, 0.62, False, 40)]
    assert _chosen(said) == Thresholds(0.65, {0: 0.5})


def test_what_is_unfamiliar_is_no_answer() -> None:
    scores = _scores([0.97] * 80 + [0.62] * 20)
    targets = np.array([0] * 80 + [1] * 20)
    familiar = np.array([True] * 70 + [False] * 10 + [True] * 20)
    assert choose_thresholds(scores, targets).common == 0.65
    assert choose_thresholds(scores, targets, familiar=familiar).common == 0.5, "0.65 would answer 70 %"
    assert choose_thresholds(scores, targets, familiar=np.array([True] * 80 + [False] * 20)).common == 0.5


def test_thresholds_are_given_by_number_and_by_name() -> None:
    thresholds = Thresholds(0.5, {2: 0.8})
    assert thresholds.of(3).tolist() == pytest.approx([0.5, 0.5, 0.8])
    assert thresholds.by_label(("a", "b", "c")) == {"c": 0.8}
