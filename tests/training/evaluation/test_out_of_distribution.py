"""Out-of-distribution pictures: measured against heads that never saw them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluation.out_of_distribution import Aim, LabelledFeatures, measure_left_out, remove_class
from training.features.extract import Features
from training.head.settings import HeadConfig
from training.progress import Silent


def _data(labels: int, overlap: bool = False) -> LabelledFeatures:
    rng = np.random.default_rng(1)
    centres = rng.gamma(0.5, 2, (labels, 64)).astype(np.float32)
    if overlap:
        centres[-1] = centres[0] + 0.1 * centres[-1]

    def part(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        targets = np.tile(np.arange(labels), count)
        return (centres[targets] + rng.gamma(0.5, 0.4, (len(targets), 64))).astype(np.float32), targets

    (train, a), (val, b), (test, c) = part(30), part(10), part(20)
    views = np.concatenate((train * 1.01, train * 0.99))
    return LabelledFeatures(Features(train, val, test, views), a, b, c)


SEED, AIM = 1, Aim(1.0, 0.95)


def test_a_class_left_out_is_nowhere_but_among_the_ood_pictures() -> None:
    data = _data(4)
    rest, ood = remove_class(data, 1)
    assert len(ood) == 30 + 10 + 20
    assert set(rest.train) == set(rest.val) == set(rest.test) == {0, 1, 2}
    assert (len(rest.features.train), len(rest.features.views)) == (90, 180)
    own = {row.tobytes() for row in ood}
    assert not own & {row.tobytes() for part in (rest.features.train, rest.features.test) for row in part}
    np.testing.assert_array_equal(rest.features.train[rest.train == 1], data.features.train[data.train == 2])
    np.testing.assert_allclose(rest.features.views[:90], rest.features.train * 1.01)


def test_two_classes_can_not_spare_one() -> None:
    assert measure_left_out(_data(2), HeadConfig(), SEED, AIM, Silent()) is None


def test_classes_far_apart_are_out_of_distribution_to_each_other() -> None:
    found = measure_left_out(_data(4), HeadConfig(), SEED, AIM, Silent())
    assert found is not None
    assert found.count == 4 * 60
    assert found.familiarity.auroc > 0.97
    assert found.familiarity.false_accepts_at_95_kept < 0.1
    assert found.kept > 0.85
    assert found.accepted < 0.15


def test_a_class_like_another_is_harder() -> None:
    apart, alike = (
        measure_left_out(_data(4, overlap), HeadConfig(), SEED, AIM, Silent()) for overlap in (False, True)
    )
    assert apart is not None
    assert alike is not None
    assert alike.familiarity.auroc < apart.familiarity.auroc - 0.02
