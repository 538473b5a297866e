"""Photographs batch by batch from disk, for training the backbone itself: never all in memory at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.dataset.augment import augmented
from training.dataset.load import load, load_all
from training.dataset.split import Split
from training.fit.settings import FineTuneSettings
from training.head.settings import Balance
from training.head.softmax_head import class_weights, mixed
from training.libraries import keras
from training.parallel import core_count, spread

Float = NDArray[np.float32]
Int = NDArray[np.int64]
Batch = tuple[Float, Float, Float]


def training_batches(split: Split, settings: FineTuneSettings, epoch: int) -> Any:
    """The training part as a Keras data set: shuffled and augmented anew each epoch, seeded.

    A batch is pixels (n, h, w, 3) in 0–255, targets (n, labels) and weights (n,).
    """
    labels = np.asarray(split.targets("train"), np.int64)
    weights = class_weights(labels, len(split.labels), settings.head.balance)[labels]
    rng = np.random.default_rng((settings.views.seed, epoch))
    order = _order(weights, settings.head.balance, rng)
    mixes = rng.integers(0, 2**63, len(order))  # a seed a batch: batches may be made in any order

    def batch(number: int) -> Batch:
        start = number * settings.tuning.batch
        chosen = order[start : start + settings.tuning.batch]
        pixels, targets = _changed(split, settings, epoch, chosen), _smooth(labels[chosen], split, settings)
        if settings.head.mixup > 0:
            rng = np.random.default_rng(mixes[number])
            pixels, targets = mixed(pixels, targets, settings.head.mixup, rng)
        balanced = weights[chosen] if settings.head.balance == "weights" else np.ones(len(chosen), np.float32)
        return pixels, targets, balanced

    return _data_set(batch, -(-len(order) // settings.tuning.batch))


def validation_batches(split: Split, settings: FineTuneSettings) -> Any:
    """The validation part as it is, in order."""
    labels = np.asarray(split.targets("val"), np.int64)
    one_hot = np.eye(len(split.labels), dtype=np.float32)[labels]
    size = settings.tuning.batch

    def batch(number: int) -> Batch:
        items = split.val[number * size : (number + 1) * size]
        pixels = load_all([item.path for item in items], settings.views.spec).astype(np.float32)
        return pixels, one_hot[number * size : (number + 1) * size], np.ones(len(items), np.float32)

    return _data_set(batch, -(-len(labels) // size))


def _data_set(batch: Callable[[int], Batch], count: int) -> Any:
    class Batches(keras().utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return count

        def __getitem__(self, number: int) -> Batch:
            return batch(number)

    return Batches()


def _order(weights: Float, balance: Balance, rng: np.random.Generator) -> Int:
    if balance == "sampling":
        return rng.choice(len(weights), len(weights), p=weights / weights.sum())
    return rng.permutation(len(weights))


def _smooth(labels: Int, split: Split, settings: FineTuneSettings) -> Float:
    smooth, count = settings.head.label_smoothing, len(split.labels)
    targets = np.full((len(labels), count), smooth / count, np.float32)
    targets[np.arange(len(labels)), labels] += 1 - smooth
    return targets


def _changed(split: Split, settings: FineTuneSettings, epoch: int, chosen: Int) -> Float:
    def one(_: int, index: np.int64) -> NDArray[np.uint8]:
        item = split.train[index]
        rng = np.random.default_rng((settings.views.seed, epoch, int(item.sha256[:16], 16)))
        return augmented(load(item.path, settings.views.spec), settings.views.augment, rng)

    return np.stack(spread(range(core_count()), list(chosen), one)).astype(np.float32)
