"""The gate: it stops a real loss, and no chance fluctuation."""

from __future__ import annotations

import numpy as np
import pytest

from training.quantization.acceptance import USUAL_LIMITS, AcceptanceLimits, doubt, refusal
from training.quantization.comparison import Drop, class_changes, paired_drop

PASSES_AGREEMENT = AcceptanceLimits(max_drop=0.01, min_agreement=0.0)


def _drop(count: int, lost: int, won: int, swapped: int = 0) -> Drop:
    """Two networks that differ on lost + won + swapped (both wrong) of `count` pictures with three labels."""
    targets = np.zeros(count, np.int64)
    before, after = np.zeros(count, np.int64), np.zeros(count, np.int64)
    after[:lost] = 1
    before[lost : lost + won] = 1
    other = slice(lost + won, lost + won + swapped)
    before[other], after[other] = 1, 2
    scores = np.eye(3, dtype=np.float32)
    return paired_drop(scores[before], scores[after], targets)


def test_equal_networks_pass() -> None:
    assert refusal(_drop(100, 0, 0), USUAL_LIMITS) is None
    assert doubt(_drop(100, 0, 0), USUAL_LIMITS) is None


def test_a_better_quantized_network_passes() -> None:
    assert _drop(400, 1, 3).size == pytest.approx(-0.005)
    assert refusal(_drop(400, 1, 3), USUAL_LIMITS) is None


@pytest.mark.parametrize("lost", [2, 3])
def test_a_loss_that_chance_explains_passes_and_is_said(lost: int) -> None:
    drop = _drop(100, lost, 0)
    assert refusal(drop, USUAL_LIMITS) is None
    said = doubt(drop, USUAL_LIMITS)
    assert said is not None
    assert "too few to tell" in said


def test_a_real_loss_is_refused_with_the_numbers() -> None:
    why = refusal(_drop(400, 40, 0), USUAL_LIMITS)
    assert why is not None
    assert "accuracy is 0.900, the float network's 1.000, on 400" in why


@pytest.mark.parametrize(("count", "swapped", "passes"), [(100, 5, True), (400, 12, True), (400, 25, False)])
def test_other_labels_are_refused_even_where_accuracy_stays(count: int, swapped: int, passes: bool) -> None:
    drop = _drop(count, 0, 0, swapped)
    assert drop.size == 0.0
    assert (refusal(drop, USUAL_LIMITS) is None) == passes
    assert refusal(drop, PASSES_AGREEMENT) is None


def test_a_class_that_lost_is_named() -> None:
    targets = np.array([0, 0, 1, 1, 1])
    scores = np.eye(2, dtype=np.float32)
    changes = class_changes(scores[[0, 1, 1, 1, 0]], scores[[0, 0, 0, 0, 0]], targets, ("cat", "dog"))
    assert [(c.label, c.count, c.before, c.lost, c.won) for c in changes] == [
        ("cat", 2, 1, 0, 1),
        ("dog", 3, 2, 2, 0),
    ]
