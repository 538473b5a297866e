"""Optional: train the last blocks of the backbone too, gently, and keep that only if it helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.augment import augmented
from training.config import TrainConfig
from training.head import class_weights
from training.libraries import keras
from training.load import load, load_all
from training.parallel import core_count, spread
from training.progress import Reporter
from training.split import Split

BLOCK = re.compile(r"block_(\d+)_")
STOP_PATIENCE, SLOW_PATIENCE = 4, 2


@dataclass(frozen=True, slots=True)
class FineTuned:
    """kept: whether validation improved, else the model is as it was; accuracy: validation's, at its best."""

    kept: bool
    accuracy: float
    val_accuracies: tuple[float, ...]


def fine_tune(model: Any, split: Split, config: TrainConfig, reporter: Reporter) -> FineTuned:
    """Train the last blocks in place, augmented, at a low rate; put the old weights back if it is no gain."""
    if config.fine_tune_epochs == 0:
        return FineTuned(False, 0.0, ())
    before = model.get_weights()
    k = keras()
    k.utils.set_random_seed(config.seed)
    unfreeze(model, config.fine_tune_blocks)
    optimizer = k.optimizers.Adam(config.fine_tune_learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    val = load_all([item.path for item in split.val], config.spec).astype(np.float32)
    labels = np.asarray(split.targets("val"), np.int64)
    _, start_accuracy = model.evaluate(val, labels, verbose=0)
    history = _fit(model, split, config, (val, labels), reporter)
    _, end_accuracy = model.evaluate(val, labels, verbose=0)
    # A smaller loss at the same accuracy is no reason: with few photographs it cost 1.5 points on others.
    kept = end_accuracy > start_accuracy
    if not kept:
        model.set_weights(before)
    verdict = "kept" if kept else "not kept"
    reporter.note(f"fine-tuning: validation {start_accuracy:.3f} → {end_accuracy:.3f}, {verdict}")
    return FineTuned(kept, float(end_accuracy), tuple(map(float, history)))


def unfreeze(model: Any, blocks: int) -> None:
    """Make the last `blocks` blocks and all after them trainable; batch normalisations stay as they are."""
    numbers = [int(found[1]) if (found := BLOCK.match(layer.name)) else None for layer in model.layers]
    known = [number for number in numbers if number is not None]
    first = max(known) - blocks + 1 if known else 0
    reached = False
    for layer, number in zip(model.layers, numbers, strict=True):
        reached = reached or (number is not None and number >= first)
        # statistics of a few hundred photographs are worse than ImageNet's
        layer.trainable = reached and not isinstance(layer, keras().layers.BatchNormalization)


def _fit(
    model: Any, split: Split, config: TrainConfig, validation: tuple[Any, Any], reporter: Reporter
) -> list[float]:
    callbacks = keras().callbacks
    targets = np.asarray(split.targets("train"), np.int64)
    with reporter.steps("fine-tuning", config.fine_tune_epochs) as step:
        history = model.fit(
            _batches(split, config),
            validation_data=validation,
            epochs=config.fine_tune_epochs,
            class_weight=class_weights(targets, len(split.labels)),
            callbacks=[
                callbacks.EarlyStopping("val_loss", patience=STOP_PATIENCE, restore_best_weights=True),
                callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=SLOW_PATIENCE),
                callbacks.LambdaCallback(on_epoch_end=lambda *_: step()),
            ],
            verbose=0,
        )
    return list(history.history["val_accuracy"])


def _batches(split: Split, config: TrainConfig) -> Any:
    """The training part, shuffled and augmented anew each epoch, batch by batch from disk."""
    targets = np.asarray(split.targets("train"), np.int64)

    class Batches(keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._epoch = 0
            self._order = np.random.default_rng(config.seed).permutation(len(targets))

        def __len__(self) -> int:
            return -(-len(targets) // config.fine_tune_batch)

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            start = index * config.fine_tune_batch
            chosen = self._order[start : start + config.fine_tune_batch]
            return _load_batch(split, config, self._epoch, chosen), targets[chosen]

        def on_epoch_end(self) -> None:
            self._epoch += 1
            self._order = np.random.default_rng((config.seed, self._epoch)).permutation(len(targets))

    return Batches()


def _load_batch(
    split: Split, config: TrainConfig, epoch: int, chosen: NDArray[np.int64]
) -> NDArray[np.float32]:
    def changed(_: int, index: np.int64) -> NDArray[np.uint8]:
        rng = np.random.default_rng((config.seed, epoch, int(index)))
        return augmented(load(split.train[index].path, config.spec), config.augment, rng)

    return np.stack(spread(range(core_count()), list(chosen), changed)).astype(np.float32)
