"""The gate: it stops a real loss, and no chance fluctuation."""

from __future__ import annotations

import numpy as np
import pytest

from training.compare import gate, paired_drop
from training.errors import GateError


def _drop(count: int, lost: int, won: int) -> float:
    """Scores of two networks that differ on lost + won of `count` pictures, through the gate at 1 %."""
    targets = np.zeros(count, np.int64)
    before, after = np.tile([1.0, 0.0], (count, 1)), np.tile([1.0, 0.0], (count, 1))
    after[:lost] = (0.0, 1.0)
    before[lost : lost + won] = (0.0, 1.0)
    drop = paired_drop(before.astype(np.float32), after.astype(np.float32), targets)
    gate(drop, 0.01)
    return drop.size


def test_equal_networks_pass() -> None:
    assert _drop(100, 0, 0) == 0.0


def test_a_loss_that_chance_explains_passes() -> None:
    assert _drop(100, 3, 1) == pytest.approx(0.02)


def test_a_better_int8_network_passes() -> None:
    assert _drop(100, 1, 3) == pytest.approx(-0.02)


def test_a_real_loss_is_refused_with_the_numbers() -> None:
    with pytest.raises(GateError, match=r"accuracy is 0\.900, the float network's 1\.000, on 400"):
        _drop(400, 40, 0)
