"""Intervals: textbook values, and that they hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.intervals import (
    auroc,
    auroc_resamples,
    macro_f1,
    macro_f1_interval,
    percentiles,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),  # the same
    ],
)
def test_wilson_gives_the_published_values(right: int, count: int, low: float, high: float) -> None:
    assert wilson(right, count) == pytest.approx((low, high), abs=1e-4)


def test_ninety_five_percent_of_the_intervals_hold_the_truth() -> None:
    hits = np.random.default_rng(1).binomial(120, 0.9, 2000)
    held = [low <= 0.9 <= high for low, high in (wilson(int(hit), 120) for hit in hits)]
    assert 0.93 <= np.mean(held) <= 0.97


def test_macro_f1_weighs_labels_alike() -> None:
    confusion = np.array([[90, 0], [10, 0]])
    assert macro_f1(confusion) == pytest.approx((180 / 190 + 0) / 2)


def test_macro_f1_interval_narrows_with_the_count() -> None:
    small, large = np.array([[18, 2], [2, 18]]), np.array([[1800, 200], [200, 1800]])
    wide, narrow = (high - low for low, high in map(macro_f1_interval, (small, large)))
    assert narrow < wide / 5
    assert macro_f1_interval(small) == macro_f1_interval(small)
    assert macro_f1_interval(np.zeros((2, 2), int)) == (0.0, 1.0)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(2)
    known, ood = rng.integers(0, 12, 80), rng.integers(0, 10, 50)
    pairs = [(k > s) + 0.5 * (k == s) for k in known for s in ood]
    assert auroc(known, ood) == pytest.approx(np.mean(pairs))


def test_auroc_resamples_surround_the_figure() -> None:
    rng = np.random.default_rng(3)
    known, ood = rng.normal(1, 1, 300), rng.normal(0, 1, 60)
    figure = auroc(known, ood)
    low, high = percentiles(auroc_resamples(known, ood))
    assert low < figure < high
    assert 0.03 < high - low < 0.15


def test_many_pictures_cost_no_more_memory() -> None:
    rng = np.random.default_rng(4)
    known, ood = rng.normal(1, 1, 30_000), rng.normal(0, 1, 30_000)
    assert np.mean(auroc_resamples(known, ood)) == pytest.approx(auroc(known, ood), abs=0.02)
