"""Familiarity and its limit: what is left out counts as left out, and 95 % of new pictures are kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.features.familiarity import NO_LIMIT, choose_limit, familiarity, familiarity_to_others
from training.head.softmax_head import class_centres

Float = NDArray[np.float32]


def _features(count: int, seed: int = 0) -> tuple[Float, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).gamma(1, 1, (3, 30))
    labels = rng.integers(0, 3, count)
    return (centres[labels] + rng.gamma(1, 0.7, (count, 30))).astype(np.float32), labels


def test_familiarity_is_the_cosine_with_the_nearest_centre() -> None:
    centres = np.array([[1, 0], [0, 1]], np.float32)
    features = np.array([[5, 0], [3, 4], [-1, 0], [0, 0]], np.float32)
    np.testing.assert_allclose(familiarity(features, centres), [1.0, 0.8, 0.0, 0.0], atol=1e-6)


def test_the_size_of_the_features_does_not_matter() -> None:
    features, labels = _features(40)
    centres = class_centres(features, labels, 3)
    np.testing.assert_allclose(familiarity(features, centres), familiarity(features * 7, centres), atol=1e-6)


@pytest.mark.parametrize("views", [0, 2])
def test_a_photograph_is_compared_with_the_others_only(views: int) -> None:
    features, labels = _features(30)
    copies = np.concatenate([features + 0.1 * number for number in range(1, views + 1)] or [features[:0]])
    found = familiarity_to_others(features, copies, labels, 3)
    for out in range(30):
        keep = np.arange(30) != out
        rest = np.concatenate([features[keep], *(copies[30 * v : 30 * v + 30][keep] for v in range(views))])
        centres = class_centres(rest, np.tile(labels[keep], 1 + views), 3)
        assert found[out] == pytest.approx(familiarity(features[out : out + 1], centres)[0], abs=1e-5)


def test_a_class_of_one_photograph_is_not_familiar_with_itself() -> None:
    features, labels = np.eye(3, dtype=np.float32), np.arange(3)
    np.testing.assert_allclose(familiarity_to_others(features, features[:0], labels, 3), 0.0, atol=1e-6)


def test_new_pictures_are_kept_as_promised() -> None:
    kept = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        limit = choose_limit(rng.normal(0.8, 0.05, 60))
        kept.append((rng.normal(0.8, 0.05, 2000) >= limit).mean())
    assert 0.945 <= np.mean(kept) <= 0.965


def test_the_limit_leaves_room_for_the_camera() -> None:
    values = np.linspace(0.5, 1.0, 100)
    assert choose_limit(values, 0.1) == pytest.approx(choose_limit(values) - 0.1)
    assert choose_limit(values[:5], 0.1) == NO_LIMIT


@pytest.mark.parametrize(("count", "rank"), [(18, 0), (19, 1), (38, 1), (39, 2), (399, 20)])
def test_the_limit_is_a_value_that_was_seen_or_none(count: int, rank: int) -> None:
    values = np.random.default_rng(1).permutation(count).astype(np.float32)
    assert choose_limit(values) == (rank - 1 if rank else NO_LIMIT)
