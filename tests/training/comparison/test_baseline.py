"""The classical baseline learns, repeats itself, and survives pictures without anything in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.preprocess import PreprocessSpec
from training.comparison.baseline import COLOURS, DESCRIPTOR_SIZE, Baseline, describe, fit_baseline
from training.dataset.load import load_all
from training.errors import DataError

SIZE_PX = 64
GROCERY = Path(__file__).parents[4] / "shared" / "datasets" / "grocery10"

Part = tuple[np.ndarray, np.ndarray]  # type: ignore[type-arg]


def _load(folder: Path, size_px: int) -> Part:
    paths = sorted(folder.glob("*/*.*"))
    labels = sorted({path.parent.name for path in paths})
    targets = np.array([labels.index(path.parent.name) for path in paths])
    return load_all(paths, PreprocessSpec(size_px, size_px)), targets


@pytest.fixture(scope="module")
def parts(photographs: Path) -> tuple[Part, Part]:
    """Three of four pictures to train on, the fourth to judge by."""
    images, targets = _load(photographs, SIZE_PX)
    fourth = np.arange(len(targets)) % 4 == 0
    return (images[~fourth], targets[~fourth]), (images[fourth], targets[fourth])


@pytest.fixture(scope="module")
def baseline(parts: tuple[Part, Part]) -> Baseline:
    """The baseline on the made-up photographs."""
    train, val = parts
    return fit_baseline(*train, *val, 1)


def test_it_tells_drawn_things_apart(baseline: Baseline, parts: tuple[Part, Part]) -> None:
    images, targets = parts[1]
    accuracy = float((baseline.predict(images) == targets).mean())
    assert accuracy == baseline.val_accuracy
    assert accuracy > 0.9
    assert baseline.scores(images).shape == (len(images), 3)


def test_labels_that_say_nothing_teach_nothing(parts: tuple[Part, Part]) -> None:
    (images, targets), (val_images, val_targets) = parts
    shuffled = np.random.default_rng(5).permutation(targets)
    assert fit_baseline(images, shuffled, val_images, val_targets, 1).val_accuracy < 0.7


def test_the_same_seed_gives_the_same_baseline(baseline: Baseline, parts: tuple[Part, Part]) -> None:
    train, val = parts
    again = fit_baseline(*train, *val, 1)
    assert again == replace(baseline, words=again.words, kernel=again.kernel, bias=again.bias)
    for one, other in ((again.words, baseline.words), (again.kernel, baseline.kernel)):
        np.testing.assert_array_equal(one, other)


def test_it_says_what_a_device_would_pay(baseline: Baseline, parts: tuple[Part, Part]) -> None:
    features = len(baseline.words) + COLOURS
    assert baseline.words.shape[1] == DESCRIPTOR_SIZE
    assert baseline.size_bytes == 4 * (baseline.words.size + features * 3 + 3)
    assert 0 < baseline.latency_ms(parts[1][0][0], repeats=3) < 1000


def test_two_labels_and_a_label_without_photographs(parts: tuple[Part, Part]) -> None:
    (images, targets), (val_images, val_targets) = parts
    kept, val_kept = targets != 1, val_targets != 1
    fitted = fit_baseline(images[kept], targets[kept], val_images[val_kept], val_targets[val_kept], 1)
    assert set(fitted.predict(val_images)) == {0, 2}
    assert fitted.val_accuracy > 0.9


def test_one_label_is_refused(parts: tuple[Part, Part]) -> None:
    (images, targets), val = parts
    with pytest.raises(DataError, match="all photographs have one label"):
        fit_baseline(images, np.zeros_like(targets), *val, 1)


def test_empty_pictures_have_features(baseline: Baseline) -> None:
    black = np.zeros((1, SIZE_PX, SIZE_PX, 3), np.uint8)
    features = describe(black, baseline.words)
    assert features.shape == (1, len(baseline.words) + COLOURS)
    assert np.isfinite(features).all()
    assert describe(black[:0], baseline.words).shape == (0, features.shape[1])


@pytest.mark.slow
def test_groceries_are_far_above_chance() -> None:
    if not GROCERY.is_dir():
        pytest.skip("../shared/datasets/grocery10 is not here")
    (images, targets), test = _load(GROCERY / "train", 128), _load(GROCERY / "test", 128)
    fifth = np.random.default_rng(1).random(len(targets)) < 0.2
    fitted = fit_baseline(images[~fifth], targets[~fifth], images[fifth], targets[fifth], 1)
    assert float((fitted.predict(test[0]) == test[1]).mean()) > 0.6
