"""Calibrated scores: the temperature found again, no endless sharpness, and errors counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.head.softmax_head import Head, softmax
from training.head.temperature import (
    calibrated,
    calibration_error,
    fit_temperature,
    reliability,
    scaled_scores,
)


def _logits(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits (count, 4) whose softmax is exactly how often each label is the right one."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 4)).astype(np.float32)
    return logits, np.array([rng.choice(4, p=row / row.sum()) for row in softmax(logits).astype(np.float64)])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_applied_is_found(temperature: float) -> None:
    logits, targets = _logits(4000)
    assert fit_temperature(logits * np.float32(temperature), targets) == pytest.approx(temperature, rel=0.08)


@pytest.mark.parametrize("count", [1, 10, 60])
def test_a_validation_part_without_a_mistake_asks_for_no_certainty(count: int) -> None:
    logits = np.tile(np.array([[3.0, 0.0]], np.float32), (count, 1))
    targets = np.zeros(count, np.int64)
    confidence = scaled_scores(logits, fit_temperature(logits, targets)).max()
    assert confidence == pytest.approx(1 - 0.5 / (count + 1), abs=0.001)


@pytest.mark.parametrize(("scale", "bound"), [(1e-3, 0.25), (1e3, 4.0)])
def test_the_temperature_stays_within_bounds(scale: float, bound: float) -> None:
    logits, targets = _logits(500)
    assert fit_temperature(logits * np.float32(scale), targets) == pytest.approx(bound, rel=1e-3)


def test_huge_logits_overflow_nothing() -> None:
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    assert 0.25 <= fit_temperature(logits, np.array([0, 1])) <= 4.0


def test_folding_is_exact_and_keeps_every_decision() -> None:
    rng = np.random.default_rng(1)
    head = Head(*(rng.normal(0, 1, shape).astype(np.float32) for shape in ((20, 5), (5,), (5, 20))))
    features = rng.normal(0, 2, (100, 20)).astype(np.float32)
    folded = calibrated(head, 1.7)
    found, before = folded.scores(features), head.scores(features)
    np.testing.assert_allclose(found, scaled_scores(head.logits(features), 1.7), atol=1e-6)
    np.testing.assert_array_equal(found.argmax(axis=1), before.argmax(axis=1))
    assert folded.centres is head.centres


def test_scaling_lowers_the_error_of_an_overconfident_network() -> None:
    logits, targets = _logits(2000)
    sharp = logits * np.float32(3)
    fitted = fit_temperature(*(part[:1000] for part in (sharp, targets)))
    before = calibration_error(softmax(sharp[1000:]), targets[1000:])
    after = calibration_error(scaled_scores(sharp[1000:], fitted), targets[1000:])
    assert before > 0.1
    assert after < 0.05


def test_the_error_is_the_gap_between_confidence_and_accuracy() -> None:
    scores = np.tile(np.array([[0.8, 0.2]], np.float32), (40, 1))
    targets = np.array([0] * 20 + [1] * 20)
    assert calibration_error(scores, targets) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(("count", "bins"), [(0, 0), (1, 1), (39, 1), (40, 2), (299, 14), (5000, 15)])
def test_bins_hold_twenty_pictures_at_least(count: int, bins: int) -> None:
    scores = np.random.default_rng(2).dirichlet([1, 1, 1], count).astype(np.float32)
    found = reliability(scores, np.zeros(count, np.int64))
    assert len(found) == bins
    assert sum(entry.count for entry in found) == count
    assert [entry.confidence for entry in found] == sorted(entry.confidence for entry in found)
