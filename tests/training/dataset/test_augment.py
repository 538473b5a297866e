"""Augmentation: seeded, within its limits, and off when all limits are."""

from __future__ import annotations

import numpy as np

from tests.support.models.photographs import draw
from training.dataset.augment import Augment, augmented

STILL = Augment(flip=False, rotate_deg=0, zoom=0, shift=0, brightness=0, contrast=0)
IMAGE = draw("disc", np.random.default_rng(1))


def test_the_same_seed_gives_the_same_picture() -> None:
    first, second = (augmented(IMAGE, Augment(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, augmented(IMAGE, Augment(), np.random.default_rng(6)))


def test_no_limits_no_change() -> None:
    np.testing.assert_array_equal(augmented(IMAGE, STILL, np.random.default_rng(1)), IMAGE)


def test_shape_and_type_stay() -> None:
    changed = augmented(IMAGE, Augment(rotate_deg=180, zoom=0.5, shift=0.5), np.random.default_rng(2))
    assert (changed.shape, changed.dtype) == (IMAGE.shape, np.uint8)


def test_flip_mirrors_about_half_of_the_pictures() -> None:
    flip = STILL.model_copy(update={"flip": True})
    mirrored = [
        np.array_equal(augmented(IMAGE, flip, np.random.default_rng(seed)), IMAGE[:, ::-1])
        for seed in range(40)
    ]
    assert 10 <= sum(mirrored) <= 30


def test_brightness_stays_within_its_limit() -> None:
    limits = STILL.model_copy(update={"brightness": 0.1})
    means = [augmented(IMAGE, limits, np.random.default_rng(seed)).mean() for seed in range(20)]
    assert max(abs(mean - IMAGE.mean()) for mean in means) <= 0.1 * 255 + 1
    assert max(means) - min(means) > 10
