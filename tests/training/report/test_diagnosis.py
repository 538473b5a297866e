"""What learning curves show: each trouble on curves that have it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.head.softmax_head import Curves
from training.report.diagnosis import Fit, diagnose, total_rise

FALL = [1.0, 0.5, 0.3, 0.2, 0.15, 0.12, 0.11, 0.105, 0.102, 0.1]
RIGHT = [0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.99, 0.99, 0.99]


def _fit(
    train_loss: list[float] = FALL,
    val_loss: list[float] | None = None,
    train_accuracy: list[float] | None = None,
    val_accuracy: list[float] | None = None,
    most_epochs: int = 100,
    val_count: int = 200,
) -> Fit:
    val_loss = [*train_loss] if val_loss is None else val_loss
    train_accuracy = RIGHT[: len(train_loss)] if train_accuracy is None else train_accuracy
    val_accuracy = train_accuracy if val_accuracy is None else val_accuracy
    curves = Curves(train_loss, train_accuracy, val_loss, val_accuracy)
    return Fit(curves, most_epochs, val_count, learning_rate=3e-3)


def _kinds(fit: Fit) -> list[str]:
    return [found.kind for found in diagnose(fit)]


WRONG_LABELS = _fit(  # a head fitted to grocery10 with 5 % wrong labels
    train_loss=[0.895, 0.6, 0.4, 0.3, 0.251] + [0.029] * 15,
    val_loss=[1.0] * 4 + [0.498] + [0.567] * 15,
    train_accuracy=[0.955] * 20,
    val_accuracy=[0.919] * 20,
    val_count=62,
)


@pytest.mark.parametrize(
    ("fit", "kinds"),
    [
        (_fit(), ["fine"]),
        (Fit(Curves(), 10, 50, 1e-3), ["none"]),
        (_fit(train_loss=[1.0, math.nan]), ["learning_rate_too_high"]),
        (_fit(train_loss=[0.7, 0.9, 1.4, 2.0]), ["learning_rate_too_high"]),
        (_fit(train_loss=[1.0, 0.4, 0.9, 0.3, 0.8, 0.3, 0.7]), ["learning_rate_too_high"]),
        (_fit(val_loss=[0.4, 0.9, 0.8, 0.7, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6]), ["learning_rate_too_high"]),
        (_fit(train_loss=[1.0, 0.8, 0.6], most_epochs=3, train_accuracy=[0.9] * 3), ["not_converged"]),
        (_fit(train_loss=FALL + [0.1] * 10, train_accuracy=[0.99] * 20, most_epochs=20), ["fine"]),
        (_fit(val_accuracy=[0.85] * 10), ["overfits"]),
        (_fit(train_accuracy=[0.7] * 10, val_accuracy=[0.7] * 10), ["underfits"]),
        (WRONG_LABELS, ["doubtful_labels"]),
    ],
)  # fmt: skip
def test_each_trouble_is_named(fit: Fit, kinds: list[str]) -> None:
    assert _kinds(fit) == kinds


def test_a_gap_that_a_small_validation_part_explains_is_no_overfitting() -> None:
    assert _kinds(_fit(val_accuracy=[0.88] * 10, val_count=500)) == ["overfits"]
    assert _kinds(_fit(val_accuracy=[0.88] * 10, val_count=25)) == ["fine"]


def test_mistakes_near_the_border_are_no_suspicious_labels() -> None:
    """A hard set: a twentieth is wrong, but the loss on it is small."""
    assert _kinds(_fit(train_accuracy=[0.95] * 10)) == ["fine"]


def test_the_advice_names_the_setting_that_the_fit_had() -> None:
    wild = Fit(_fit(train_loss=[0.7, 2.0]).curves, 10, 50, 3e-4, "fine_tune.learning_rate", "--fine-tune")
    assert diagnose(wild)[0].advice == "lower the learning rate: --set fine_tune.learning_rate=0.0001"
    short = Fit(_fit(train_loss=[1.0, 0.8, 0.6]).curves, 3, 50, 3e-4, "x", "--fine-tune")
    assert "--fine-tune 9" in diagnose(short)[0].advice


def test_a_loss_that_only_falls_has_no_rises() -> None:
    assert total_rise(FALL) == 0
    assert total_rise([1.0, 1.0]) == 0
    assert total_rise([0.0, 1.0, 0.0, 1.0]) == pytest.approx(2.0)


def test_a_hard_set_is_no_trouble() -> None:
    """Figures of a head fitted to solar cells, a hard set where nothing is wrong (LOG.md)."""
    clean_cells = _fit(
        train_loss=list(np.linspace(0.363, 0.178, 52)), val_loss=[0.361] * 36 + [0.274] + [0.277] * 15,
        train_accuracy=[0.93] * 52, val_accuracy=[0.892] * 52, val_count=352,
    )  # fmt: skip
    assert _kinds(clean_cells) == ["fine"]
