"""Judging scores: accuracy, confusion, and the threshold below which an answer is unknown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluate import choose_threshold, judge


def _scores(confidences: list[float]) -> NDArray[np.float32]:
    """Two labels; label 0 with each confidence."""
    return np.array([[c, 1 - c] for c in confidences], np.float32)


def test_accuracy_and_confusion_are_counted() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.55, 0.45]], np.float32)
    result = judge(scores, np.array([0, 0, 1, 1]), threshold=0.7)
    assert (result.accuracy, result.count) == (0.5, 4)
    assert (result.answered, result.accuracy_answered) == (0.5, 1.0)
    assert result.confusion == ((1, 1), (1, 1))


def test_sure_and_right_answers_need_the_lowest_threshold() -> None:
    assert choose_threshold(_scores([0.99] * 50), np.zeros(50, np.int64)) == 0.5


def test_the_threshold_shuts_out_doubtful_mistakes() -> None:
    scores = _scores([0.95] * 90 + [0.62] * 10)
    targets = np.array([0] * 90 + [1] * 10)
    assert choose_threshold(scores, targets) == 0.65


def test_most_pictures_are_answered() -> None:
    scores = _scores([0.95] * 60 + [0.62] * 40)
    targets = np.array([0] * 60 + [1] * 40)
    assert choose_threshold(scores, targets) == 0.5
