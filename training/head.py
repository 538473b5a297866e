"""The classifier on top of the features: dropout and one softmax layer, fitted on cached features.

Features are standardised for the fit and the standardisation is then folded into the layer exactly:
W·(x − mean)/scale + b = (W/scale)·x + (b − W·mean/scale). The scale is the deviation plus a share of all
features' common deviation: rare features would otherwise get huge weights, and int8 has one range for all
(on solar cells int8 lost 4 points by that, see LOG.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.libraries import keras, tensorflow
from training.progress import Reporter

Float = NDArray[np.float32]
Int = NDArray[np.int64]

WEIGHT_DECAY = 1e-2
STOP_PATIENCE, SLOW_PATIENCE = 15, 5
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Head:
    """kernel: float32 (channels, labels) and bias (labels,), for features as the trunk gives them."""

    kernel: Float
    bias: Float

    def scores(self, features: Float) -> Float:
        """Softmax scores, float32 (n, labels), of features (n, channels)."""
        logits = features @ self.kernel + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores: Float = powers / powers.sum(axis=1, keepdims=True)
        return scores


@dataclass(frozen=True, slots=True)
class HeadData:
    """Features (n, channels) and label numbers (n,) to fit on and to stop by."""

    train: Float
    train_labels: Int
    val: Float
    val_labels: Int
    label_count: int


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """epochs is a ceiling: the fit stops when validation no longer improves, and keeps its best epoch."""

    epochs: int
    batch: int
    learning_rate: float
    dropout: float
    seed: int


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head, the epochs it took, and validation loss by epoch."""

    head: Head
    epochs: int
    val_losses: tuple[float, ...]


def fit_head(data: HeadData, settings: HeadSettings, reporter: Reporter) -> FittedHead:
    """Fit a head; uneven classes weigh alike. Deterministic in its data and the seed."""
    mean, scale = standardisation(data.train)
    model = _model(data, settings)
    with reporter.steps("fitting the head", settings.epochs) as step:
        history = model.fit(
            _shuffled_batches((data.train - mean) / scale, data, settings),
            validation_data=_one_batch((data.val - mean) / scale, data.val_labels),
            epochs=settings.epochs,
            shuffle=False,
            callbacks=[*_callbacks(), keras().callbacks.LambdaCallback(on_epoch_end=lambda *_: step())],
            verbose=0,
        )
    kernel, bias = model.layers[-1].get_weights()
    losses = tuple(float(loss) for loss in history.history["val_loss"])
    return FittedHead(folded(kernel, bias, mean, scale), len(losses), losses)


def standardisation(features: Float) -> tuple[Float, Float]:
    """The mean and the scale of each of the features (n, channels), both of shape (channels,)."""
    deviation = features.std(axis=0)
    common = np.sqrt(np.mean(np.square(deviation)))
    return features.mean(axis=0), deviation + common + np.float32(TINY)


def folded(kernel: Float, bias: Float, mean: Float, scale: Float) -> Head:
    """A head for raw features that gives what kernel and bias give for standardised ones."""
    raw_kernel = kernel.astype(np.float64) / scale[:, None]
    raw_bias = bias - mean.astype(np.float64) @ raw_kernel
    return Head(raw_kernel.astype(np.float32), raw_bias.astype(np.float32))


def class_weights(labels: Int, label_count: int) -> dict[int, float]:
    """A weight a class, inverse to its share: 1 for all where classes are even."""
    counts = np.bincount(labels, minlength=label_count)
    return {i: len(labels) / (label_count * max(1, int(count))) for i, count in enumerate(counts)}


def _shuffled_batches(features: Float, data: HeadData, settings: HeadSettings) -> Any:
    """A tf.data pipeline: twice as fast as arrays, whose pipeline Keras would build anew each epoch."""
    weights = class_weights(data.train_labels, data.label_count)
    each = np.array([weights[int(label)] for label in data.train_labels], np.float32)
    rows = tensorflow().data.Dataset.from_tensor_slices((features, data.train_labels, each))
    return rows.cache().shuffle(len(features), seed=settings.seed).batch(settings.batch)


def _one_batch(features: Float, labels: Int) -> Any:
    return tensorflow().data.Dataset.from_tensors((features, labels)).cache()


def _model(data: HeadData, settings: HeadSettings) -> Any:
    k = keras()
    k.utils.set_random_seed(settings.seed)
    model = k.Sequential(
        [
            k.layers.Input((data.train.shape[1],)),
            k.layers.Dropout(settings.dropout, seed=settings.seed),
            k.layers.Dense(data.label_count, activation="softmax", kernel_initializer="zeros"),
        ]
    )
    optimizer = k.optimizers.AdamW(settings.learning_rate, weight_decay=WEIGHT_DECAY)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def _callbacks() -> list[Any]:
    k = keras()
    return [
        k.callbacks.EarlyStopping("val_loss", patience=STOP_PATIENCE, restore_best_weights=True),
        k.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=SLOW_PATIENCE, min_lr=1e-5),
    ]
