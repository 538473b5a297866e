"""The head: exact folding, and a fit that finds what is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from training.head.optimize import AdamW, learning_rates
from training.head.settings import HeadConfig
from training.head.softmax_head import (
    HeadData,
    class_centres,
    class_weights,
    fit_head,
    folded,
    judged,
    mixed,
    standardisation,
)
from training.progress import Silent, Step

CONFIG = HeadConfig(epochs=40, batch=64, learning_rate=0.01, dropout=0.1)


def _data(seed: int = 0, shares: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)) -> HeadData:
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (3, 20)).astype(np.float32)
    labels = rng.choice(3, 240, p=shares)
    features = (centres[labels] + rng.normal(0, 1, (240, 20))).astype(np.float32)
    return HeadData(features[:180], labels[:180], features[180:], labels[180:], 3)


def test_folding_the_standardisation_changes_no_score() -> None:
    rng = np.random.default_rng(1)
    features = rng.gamma(1.0, 2.0, (50, 30)).astype(np.float32)
    mean, scale = standardisation(features)
    kernel, bias = rng.normal(0, 1, (30, 4)).astype(np.float32), rng.normal(0, 1, 4).astype(np.float32)
    centres = np.zeros((4, 30), np.float32)
    on_standardised = folded(kernel, bias, np.zeros(30, np.float32), np.ones(30, np.float32), centres)
    on_raw = folded(kernel, bias, mean, scale, centres)
    expected = on_standardised.scores((features - mean) / scale)
    np.testing.assert_allclose(on_raw.scores(features), expected, atol=1e-5)


def test_a_feature_that_never_fires_gets_no_huge_weight() -> None:
    features = np.random.default_rng(2).normal(0, 1, (50, 4)).astype(np.float32)
    features[:, 0] = 0.0
    _, scale = standardisation(features)
    assert scale[0] > 0.3 * scale[1]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"mixup": 0.4},
        {"label_smoothing": 0.1},
        {"balance": "sampling"},
        {"balance": "none"},
        {"schedule": "constant"},
    ],
)
def test_a_fit_separates_what_is_separable(change: dict[str, object]) -> None:
    data = _data()
    fitted = fit_head(data, CONFIG.model_copy(update=change), 3, Silent())
    assert (fitted.head.scores(data.val).argmax(axis=1) == data.val_labels).mean() > 0.9
    assert len(fitted.curves.val_loss) == len(fitted.curves.train_accuracy) >= fitted.best_epoch


def test_the_same_seed_gives_the_same_head_and_another_seed_another() -> None:
    first, second, third = (fit_head(_data(), CONFIG, seed, Silent()) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.head.kernel, second.head.kernel)
    assert not np.array_equal(first.head.kernel, third.head.kernel)


def test_the_best_epoch_is_kept_and_the_fit_stops_after_it() -> None:
    data = _data()
    wrong = HeadData(data.train, data.train_labels, data.val, (data.val_labels + 1) % 3, 3)
    fitted = fit_head(wrong, CONFIG.model_copy(update={"patience": 5}), 3, Silent())
    assert len(fitted.curves.val_loss) == fitted.best_epoch + 5
    lowest = min(fitted.curves.val_loss)
    loss, _ = judged(fitted.head.logits(wrong.val), wrong.val_labels)
    assert loss == pytest.approx(lowest, rel=1e-4)


class _InterruptedAfter(Silent):
    """Ctrl-C is pressed after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Step]:
        def step() -> None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

        yield step


def test_an_interrupted_fit_keeps_the_best_so_far() -> None:
    reporter = _InterruptedAfter(3)
    fitted = fit_head(_data(), CONFIG, 3, reporter)
    assert fitted.interrupted
    assert len(fitted.curves.val_loss) == 3
    assert reporter.notes == [f"interrupted: the head of epoch {fitted.best_epoch} is kept"]


def test_rare_classes_weigh_more() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    assert class_weights(labels, 2) == pytest.approx([0.556, 5.0], abs=1e-3)
    assert class_weights(labels, 2, "none") == pytest.approx([1.0, 1.0])


def test_centres_have_length_one_and_point_to_their_class() -> None:
    data = _data()
    centres = class_centres(data.train, data.train_labels, 3)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1.0, rtol=1e-5)
    directions = data.val / np.linalg.norm(data.val, axis=1, keepdims=True)
    assert ((directions @ centres.T).argmax(axis=1) == data.val_labels).mean() > 0.9


def test_mixing_keeps_what_rows_and_targets_sum_to() -> None:
    rng = np.random.default_rng(5)
    rows, targets = rng.random((8, 4), np.float32), np.eye(8, dtype=np.float32)
    new_rows, new_targets = mixed(rows, targets, 0.4, rng)
    np.testing.assert_allclose(new_rows.sum(axis=0), rows.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(new_targets.sum(axis=1), 1.0, rtol=1e-6)
    assert not np.array_equal(new_rows, rows)


def test_adamw_steps_as_keras_does() -> None:
    keras = pytest.importorskip("training.libraries").keras()
    rng = np.random.default_rng(6)
    ours = rng.normal(0, 1, (5, 3)).astype(np.float32)
    variable = keras.Variable(ours.copy())
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    stepper = AdamW((ours,), 0.1)
    for _ in range(20):
        gradient = rng.normal(0, 1, (5, 3)).astype(np.float32)
        stepper.step((gradient,), 0.01)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    np.testing.assert_allclose(ours, np.asarray(variable.value), atol=1e-5)


def test_the_cosine_falls_from_the_first_rate() -> None:
    rates = list(learning_rates("cosine", 0.1, 10))
    assert rates[0] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0
    assert set(learning_rates("constant", 0.1, 3)) == {0.1}
