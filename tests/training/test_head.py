"""The head: exact folding, and a fit that finds what is there."""

from __future__ import annotations

import numpy as np
import pytest

from training.head import HeadData, HeadSettings, class_weights, fit_head, folded, standardisation
from training.progress import Silent

SETTINGS = HeadSettings(epochs=40, batch=64, learning_rate=0.01, dropout=0.1, seed=3)


def _data(seed: int = 0) -> HeadData:
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (3, 20)).astype(np.float32)
    labels = rng.integers(0, 3, 240)
    features = (centres[labels] + rng.normal(0, 1, (240, 20))).astype(np.float32)
    return HeadData(features[:180], labels[:180], features[180:], labels[180:], 3)


def test_folding_the_standardisation_changes_no_score() -> None:
    rng = np.random.default_rng(1)
    features = rng.gamma(1.0, 2.0, (50, 30)).astype(np.float32)
    mean, scale = standardisation(features)
    kernel, bias = rng.normal(0, 1, (30, 4)).astype(np.float32), rng.normal(0, 1, 4).astype(np.float32)
    on_standardised = folded(kernel, bias, np.zeros(30, np.float32), np.ones(30, np.float32))
    on_raw = folded(kernel, bias, mean, scale)
    expected = on_standardised.scores((features - mean) / scale)
    np.testing.assert_allclose(on_raw.scores(features), expected, atol=1e-5)


def test_a_feature_that_never_fires_gets_no_huge_weight() -> None:
    features = np.random.default_rng(2).normal(0, 1, (50, 4)).astype(np.float32)
    features[:, 0] = 0.0
    _, scale = standardisation(features)
    assert scale[0] > 0.3 * scale[1]


def test_a_fit_separates_what_is_separable() -> None:
    data = _data()
    fitted = fit_head(data, SETTINGS, Silent())
    assert (fitted.head.scores(data.val).argmax(axis=1) == data.val_labels).mean() > 0.9


def test_the_same_seed_gives_the_same_head() -> None:
    first, second = fit_head(_data(), SETTINGS, Silent()), fit_head(_data(), SETTINGS, Silent())
    np.testing.assert_array_equal(first.head.kernel, second.head.kernel)


def test_rare_classes_weigh_more() -> None:
    weights = class_weights(np.array([0] * 90 + [1] * 10), 2)
    assert weights == {0: pytest.approx(0.556, abs=1e-3), 1: pytest.approx(5.0)}
