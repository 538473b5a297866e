"""Optional: train the last blocks of the backbone too, gently, and keep that only if it helps.

The state is stored after every epoch: an interrupted training goes on from there as if nothing had been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.config import FineTuneConfig, TrainConfig
from training.dataset.load import load
from training.dataset.split import Split
from training.features.extract import run_over
from training.fit.batches import training_batches, validation_batches
from training.fit.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from training.fit.devices import precision, strategy
from training.fit.trained_network import attach_head
from training.head.optimize import learning_rates
from training.head.softmax_head import Curves, Head, class_centres
from training.libraries import keras, tensorflow
from training.network.backbones.registry import block_names, block_of, find_backbone, folded, unfolded
from training.network.convert import to_float
from training.network.frozen_backbone import FrozenBackbone
from training.network.stored_weights import rebuild_backbone, weights_bytes
from training.progress import Reporter, Step
from training.runs import Run

STOP_PATIENCE, SCRATCH_PATIENCE = 4, 20
FROM_SCRATCH = FineTuneConfig(epochs=60, learning_rate=2e-3)


@dataclass(frozen=True, slots=True)
class FineTuned:
    """The head and the backbone's weights to go on with, which are the old ones unless `kept`.

    accuracy: on validation, at its best. interrupted: somebody pressed Ctrl-C, and the best so far is here.
    """

    kept: bool
    accuracy: float
    curves: Curves
    head: Head
    weights: bytes
    interrupted: bool = False


def fine_tune(
    run: Run, backbone: FrozenBackbone, head: Head, split: Split, config: TrainConfig, reporter: Reporter
) -> FineTuned:
    """Train the last blocks, augmented, at a low rate; the old network comes back where it is no gain."""
    untouched = FineTuned(False, 0.0, Curves(), head, backbone.weights)
    if config.fine_tune.epochs == 0:
        return untouched
    keras().utils.set_random_seed(config.seed)  # before the layers are made: they draw seeds of their own
    tensorflow().config.experimental.enable_op_determinism()
    scope = strategy(config.fine_tune.devices).scope()
    with scope, precision(config.fine_tune.mixed_precision):
        base = rebuild_backbone(config.backbone, config.size, backbone.weights)
        base = base if is_pretrained(config) else unfolded(base)
        tuning = _Tuning(attach_head(base, head, config.head.dropout), split, config, run)
    start = tuning.state.start_accuracy
    interrupted = tuning.go_on(reporter)
    best, curves = tuning.state.best_accuracy, tuning.state.curves
    # A smaller loss at the same accuracy is no reason: with few photographs it cost 1.5 points on others.
    kept = best > start
    reporter.note(f"fine-tuning: validation {start:.3f} → {best:.3f}, {'kept' if kept else 'not kept'}")
    if not kept:
        return FineTuned(False, best, curves, head, backbone.weights, interrupted)
    kernel, bias = tuning.put_best_back()
    base = base if is_pretrained(config) else folded(base)
    centres = _centres(base, split, config, reporter)
    return FineTuned(True, best, curves, Head(kernel, bias, centres), weights_bytes(base), interrupted)


def is_pretrained(config: TrainConfig) -> bool:
    """Whether the backbone has features to offer before it is trained here."""
    return find_backbone(config.backbone).pretrained


def with_scratch_settings(config: TrainConfig) -> TrainConfig:
    """The configuration, with fine-tuning of everything where the backbone has nothing to offer without."""
    if is_pretrained(config) or config.fine_tune.epochs:
        return config
    return config.model_copy(update={"fine_tune": FROM_SCRATCH})


class _Tuning:
    """A model in training, with its optimizer, and the state that is stored after each epoch."""

    def __init__(self, model: Any, split: Split, config: TrainConfig, run: Run) -> None:
        self._model, self._split, self._config, self._run = model, split, config, run
        unfreeze(model, config)
        self._optimizer = keras().optimizers.Adam(config.fine_tune.learning_rate)
        model.compile(self._optimizer, "categorical_crossentropy", metrics=["accuracy"])
        self._optimizer.build(model.trainable_variables)
        self._validation = validation_batches(split, config)
        self.state = read_checkpoint(run, self._variables()) or self._first_state()

    def go_on(self, reporter: Reporter) -> bool:
        """Train the epochs that are left; True if somebody interrupted."""
        settings = self._config.fine_tune
        rates = list(learning_rates("cosine", settings.learning_rate, settings.epochs))
        with reporter.steps("fine-tuning", settings.epochs - self.state.epoch) as step:
            try:
                self._epochs(rates, step)
            except KeyboardInterrupt:
                reporter.note("interrupted: the best epoch so far counts")
                return True
        return False

    def put_best_back(self) -> tuple[Any, Any]:
        """Give the model its best weights; the head's kernel and bias."""
        self._model.set_weights(self.state.best)
        kernel, bias = self._model.get_layer("scores").get_weights()
        return kernel, bias

    def _epochs(self, rates: list[float], step: Step) -> None:
        patience = STOP_PATIENCE if is_pretrained(self._config) else SCRATCH_PATIENCE
        while self.state.epoch < len(rates):
            if self.state.epoch - self.state.best_epoch >= patience:
                return
            self._epoch(rates[self.state.epoch])
            step()

    def _epoch(self, rate: float) -> None:
        state = self.state
        self._optimizer.learning_rate = rate
        batches = training_batches(self._split, self._config, state.epoch)
        history = self._model.fit(
            batches, validation_data=self._validation, epochs=1, shuffle=False, verbose=0
        ).history
        curves = state.curves
        for name, values in (
            ("loss", curves.train_loss),
            ("accuracy", curves.train_accuracy),
            ("val_loss", curves.val_loss),
            ("val_accuracy", curves.val_accuracy),
        ):
            values.append(float(history[name][-1]))
        state.epoch += 1
        if curves.val_accuracy[-1] > state.best_accuracy:
            state.best_accuracy, state.best_epoch = curves.val_accuracy[-1], state.epoch
            state.best = self._model.get_weights()
        write_checkpoint(self._run, state, self._variables())

    def _first_state(self) -> Checkpoint:
        _, accuracy = self._model.evaluate(self._validation, verbose=0)
        return Checkpoint(accuracy, accuracy, self._model.get_weights())

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._optimizer.variables]


def unfreeze(model: Any, config: TrainConfig) -> None:
    """Make the last blocks and all after them trainable; batch normalisations stay as they are.

    All of a network that is not pretrained is trained.
    """
    if not is_pretrained(config):
        return
    names = block_names(model)
    first = names[-config.fine_tune.blocks :][:1]
    reached = not first
    for layer in model.layers:
        reached = reached or block_of(layer.name) == first[0]
        # statistics of a few hundred photographs are worse than ImageNet's
        layer.trainable = reached and not isinstance(layer, keras().layers.BatchNormalization)


def _centres(base: Any, split: Split, config: TrainConfig, reporter: Reporter) -> Any:
    """The class centres in the tuned backbone's features of the training photographs."""
    paths = [item.path for item in split.train]
    with reporter.steps("computing the tuned features", len(paths)) as step:
        features = run_over(to_float(base), paths, lambda path: load(path, config.spec), step)
    return class_centres(features, np.asarray(split.targets("train"), np.int64), len(split.labels))
