"""Features: what the backbone gives, computed once for each picture and never for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.models.photographs import write_photographs
from training.cache import Cache
from training.config import TrainConfig
from training.dataset.load import load
from training.dataset.scan import scan
from training.dataset.split import Split, split
from training.features.extract import Features, extract, photograph_features
from training.network.frozen_backbone import convert_backbone
from training.progress import Silent, Step

pytestmark = pytest.mark.slow


class _Noting(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class _CountingCache(Cache):
    """Counts what is written."""

    written = 0

    def write(self, values: Mapping[str, bytes]) -> None:
        self.written += len(values)
        super().write(values)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    data = write_photographs(tmp_path_factory.mktemp("data") / "few", 6)
    return TrainConfig(data=data, backbone="efficientnet_lite0", size=64, weights="none")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_CountingCache]:
    cache = _CountingCache(tmp_path_factory.mktemp("cache"), 10**9, Silent())
    yield cache
    cache.close()


def _divided(config: TrainConfig) -> Split:
    return split(scan(config.data, Silent()), seed=1, val_share=0.2, test_share=0.2)


def _extract(
    config: TrainConfig, cache: _CountingCache, divided: Split | None = None
) -> tuple[Features, int]:
    """The features, and how many pictures the backbone was run on."""
    backbone = convert_backbone(config.backbone_choice, cache, Silent())
    before = cache.written
    features = extract(backbone, divided or _divided(config), config.view_settings, cache, Silent())
    return features, cache.written - before


def test_the_backbone_is_converted_once_and_its_weights_are_kept(
    config: TrainConfig, cache: _CountingCache
) -> None:
    first, second = _Noting(), _Noting()
    choice = config.backbone_choice
    converted, found = convert_backbone(choice, cache, first), convert_backbone(choice, cache, second)
    assert converted == found
    assert found.source == "random"
    assert second.notes == []
    other_seed = config.model_copy(update={"seed": 2})
    assert convert_backbone(other_seed.backbone_choice, cache, Silent()).fingerprint != found.fingerprint


def test_each_picture_is_run_once(config: TrainConfig, cache: _CountingCache) -> None:
    first, ran = _extract(config, cache)
    count = len(first.train) + len(first.val) + len(first.test)
    assert (count, ran) == (18, 18 + len(first.views))
    again, ran_again = _extract(config, cache)
    assert ran_again == 0
    for part in ("train", "val", "test", "views"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))


def test_another_augmentation_runs_only_the_views_anew(config: TrainConfig, cache: _CountingCache) -> None:
    _extract(config, cache)
    wider = config.model_copy(update={"augment": config.augment.model_copy(update={"rotate_deg": 9.0})})
    features, ran = _extract(wider, cache)
    assert ran == len(features.views)


def test_another_preprocessing_runs_everything_anew(config: TrainConfig, cache: _CountingCache) -> None:
    _extract(config, cache)
    features, ran = _extract(config.model_copy(update={"fit": "pad"}), cache)
    assert ran == 18 + len(features.views)


def test_a_new_photograph_costs_its_own_runs_and_changes_no_other(
    config: TrainConfig, cache: _CountingCache
) -> None:
    divided = _divided(config)
    before, _ = _extract(config, cache, divided)
    extra = write_photographs(config.data.parent / "extra", 1, classes=("disc",), seed=99)
    (added,) = scan(write_photographs(extra, 1, classes=("plain",), seed=98), Silent()).photographs[:1]
    item = divided.train[0].model_copy(update={"path": added.path, "sha256": added.sha256})
    more = divided.model_copy(update={"train": (*divided.train, item)})
    after, ran = _extract(config, cache, more)
    assert ran == 2
    np.testing.assert_array_equal(after.train[:-1], before.train)
    np.testing.assert_array_equal(after.views[:-1], before.views)


def test_rows_are_what_keras_gives(config: TrainConfig, cache: _CountingCache) -> None:
    from training.network.stored_weights import rebuild_backbone

    divided = _divided(config)
    backbone = convert_backbone(config.backbone_choice, cache, Silent())
    rows = photograph_features(backbone, divided.val, config.spec, cache, Silent())
    images = np.stack([load(item.path, config.spec) for item in divided.val]).astype(np.float32)
    expected = np.asarray(
        rebuild_backbone(config.backbone, config.size, backbone.weights)(images, training=False)
    )
    np.testing.assert_allclose(rows, expected, atol=1e-4)


def test_what_an_interruption_leaves_is_used(
    config: TrainConfig, cache: _CountingCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Silent):
        @contextmanager
        def steps(self, what: str, total: int) -> Iterator[Step]:
            left = iter(range(20))

            def step() -> None:
                if next(left, None) is None:
                    raise KeyboardInterrupt

            yield step

    monkeypatch.setattr("training.features.extract.STORE_EVERY", 16)
    more = config.model_copy(update={"data": write_photographs(tmp_path / "more", 10, seed=3)})
    divided = _divided(more)
    backbone = convert_backbone(more.backbone_choice, cache, Silent())
    with pytest.raises(KeyboardInterrupt):
        extract(backbone, divided, more.view_settings, cache, Interrupted())
    features, ran = _extract(more, cache, divided)
    assert ran == 30 + len(features.views) - 2 * 16  # those of train come first, with a view each
