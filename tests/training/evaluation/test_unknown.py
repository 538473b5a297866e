"""The unknown rule on arrays, and how well values separate."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.thresholds import Thresholds
from training.evaluation.unknown import PartScores, UnknownRule, separate, separations


def test_an_answer_needs_its_labels_threshold_and_the_familiarity() -> None:
    scores = np.array([[0.7, 0.3], [0.7, 0.3], [0.3, 0.7], [0.1, 0.9]], np.float32)
    part = PartScores(scores, np.array([0.8, 0.5, 0.8, 0.6], np.float32))
    rule = UnknownRule(Thresholds(0.6, {1: 0.8}), 0.6)
    assert rule.answered(part).tolist() == [True, False, False, True]


def test_what_separates_fully_accepts_nobody() -> None:
    found = separate(np.linspace(1, 2, 100), np.linspace(-1, 0, 50))
    assert (found.auroc, found.accepted) == (1.0, 0.0)
    assert found.resamples.tolist() == [1.0] * 1000


def test_what_does_not_separate_accepts_nearly_all() -> None:
    values = np.random.default_rng(1).normal(0, 1, 4000)
    found = separate(values[:2000], values[2000:])
    assert found.auroc == pytest.approx(0.5, abs=0.03)
    assert found.accepted == pytest.approx(0.95, abs=0.02)


def test_two_weak_signs_are_a_better_one() -> None:
    rng = np.random.default_rng(2)

    def part(count: int, top: float, near: float) -> PartScores:
        odds = 1 / (1 + np.exp(-rng.normal(top, 1, count)))
        return PartScores(np.stack([odds, 1 - odds], 1).astype(np.float32), rng.normal(near, 0.1, count))

    found = separations(part(300, 5, 0.8), part(600, 5, 0.8), part(600, 3.5, 0.65))
    assert found["both"].auroc > max(found["top_score"].auroc, found["familiarity"].auroc) + 0.03
