"""The classifier on top of the features: one softmax layer, fitted in numpy on cached features in a second.

Features are standardised for the fit and the standardisation is then folded into the layer exactly:
W·(x − mean)/scale + b = (W/scale)·x + (b − W·mean/scale). The scale is the deviation plus a share of all
features' common deviation: rare features would otherwise get huge weights, and int8 has one range for all
(on solar cells int8 lost 4 points by that, see LOG.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.config import HeadConfig
from training.head.optimize import AdamW, learning_rates
from training.progress import Reporter

Float = NDArray[np.float32]
Int = NDArray[np.int64]

TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Head:
    """kernel: float32 (channels, labels) and bias (labels,), for features as the backbone gives them.

    centres: float32 (labels, channels), each class's mean direction of unit length: what is familiar.
    """

    kernel: Float
    bias: Float
    centres: Float

    def logits(self, features: Float) -> Float:
        """What goes into the softmax, float32 (n, labels), for features (n, channels)."""
        return features @ self.kernel + self.bias

    def scores(self, features: Float) -> Float:
        """Softmax scores, float32 (n, labels), of features (n, channels)."""
        return softmax(self.logits(features))


@dataclass(frozen=True, slots=True)
class HeadData:
    """Features (n, channels) and label numbers (n,) to fit on and to stop by."""

    train: Float
    train_labels: Int
    val: Float
    val_labels: Int
    label_count: int


@dataclass(slots=True)
class Curves:
    """Loss and accuracy after each epoch, on the training part without dropout and on validation."""

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head, the epoch (from 1) it is of, the curves of the fit, and whether Ctrl-C ended it."""

    head: Head
    best_epoch: int
    curves: Curves
    interrupted: bool = False


def softmax(logits: Float) -> Float:
    """Scores that sum to 1 in each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores: Float = powers / powers.sum(axis=1, keepdims=True)
    return scores


def fit_head(data: HeadData, config: HeadConfig, seed: int, reporter: Reporter) -> FittedHead:
    """Fit until validation loss no longer falls, and keep its best epoch; a KeyboardInterrupt ends the fit.

    Deterministic in its data, settings and seed.
    """
    mean, scale = standardisation(data.train)
    fit = _Fit(data, config, seed, (data.train - mean) / scale, (data.val - mean) / scale)
    interrupted = False
    # one thread: on busy cores the others wait for each other, and the fit took seven times as long
    with threadpool_limits(1), reporter.steps("fitting the head", config.epochs) as step:
        try:
            for rate in learning_rates(config.schedule, config.learning_rate, config.epochs):
                fit.epoch(rate)
                step()
                if fit.epochs - fit.best_epoch >= config.patience:
                    break
        except KeyboardInterrupt:
            if not fit.best_epoch:
                raise
            interrupted = True
            reporter.note(f"interrupted: the head of epoch {fit.best_epoch} is kept")
    centres = class_centres(data.train, data.train_labels, data.label_count)
    return FittedHead(folded(*fit.best, mean, scale, centres), fit.best_epoch, fit.curves, interrupted)


class _Fit:
    """The state of one fit, epoch by epoch; features are standardised."""

    def __init__(self, data: HeadData, config: HeadConfig, seed: int, train: Float, val: Float) -> None:
        self._data, self._config, self._train, self._val = data, config, train, val
        self._rng = np.random.default_rng(seed)
        self._weights = class_weights(data.train_labels, data.label_count, config.balance)[data.train_labels]
        self._chances = self._weights / self._weights.sum()
        self._kernel = np.zeros((train.shape[1], data.label_count), np.float32)
        self._bias = np.zeros(data.label_count, np.float32)
        self._optimizer = AdamW((self._kernel, self._bias), config.weight_decay)
        self.best = self._kernel.copy(), self._bias.copy()
        self.best_epoch = self.epochs = 0
        self._best_loss = np.inf
        self.curves = Curves()

    def epoch(self, rate: float) -> None:
        """Go through the training part once, then judge both parts."""
        order = self._order()
        for start in range(0, len(order), self._config.batch):
            self._step(order[start : start + self._config.batch], rate)
        self.epochs += 1
        self._judge()

    def _order(self) -> Int:
        count = len(self._train)
        if self._config.balance == "sampling":
            return self._rng.choice(count, count, p=self._chances)
        return self._rng.permutation(count)

    def _step(self, rows: Int, rate: float) -> None:
        inputs, targets = self._train[rows], self._targets(rows)
        if self._config.mixup > 0:
            inputs, targets = mixed(inputs, targets, self._config.mixup, self._rng)
        if self._config.dropout > 0:
            keep = np.float32(1 - self._config.dropout)
            inputs = inputs * (self._rng.random(inputs.shape, np.float32) < keep) / keep
        error = softmax(inputs @ self._kernel + self._bias) - targets
        if self._config.balance == "weights":
            error *= self._weights[rows, None]
        error /= np.float32(len(rows))
        self._optimizer.step((inputs.T @ error, error.sum(axis=0)), rate)

    def _targets(self, rows: Int) -> Float:
        smooth = self._config.label_smoothing
        targets = np.full((len(rows), self._data.label_count), smooth / self._data.label_count, np.float32)
        targets[np.arange(len(rows)), self._data.train_labels[rows]] += 1 - smooth
        return targets

    def _judge(self) -> None:
        curves = self.curves
        for part, labels, losses, accuracies in (
            (self._train, self._data.train_labels, curves.train_loss, curves.train_accuracy),
            (self._val, self._data.val_labels, curves.val_loss, curves.val_accuracy),
        ):
            loss, accuracy = judged(part @ self._kernel + self._bias, labels)
            losses.append(loss)
            accuracies.append(accuracy)
        if curves.val_loss[-1] < self._best_loss:
            self._best_loss, self.best_epoch = curves.val_loss[-1], self.epochs
            self.best = self._kernel.copy(), self._bias.copy()


def judged(logits: Float, labels: Int) -> tuple[float, float]:
    """Mean cross-entropy and accuracy of logits (n, labels)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_scores = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_scores[np.arange(len(labels)), labels].mean()
    return float(loss), float((logits.argmax(axis=1) == labels).mean())


def mixed(inputs: Float, targets: Float, alpha: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """MixUp (Zhang et al. 2018): rows and targets blended in pairs by a Beta(alpha, alpha) share."""
    share = np.float32(rng.beta(alpha, alpha))
    other = rng.permutation(len(inputs))
    return share * inputs + (1 - share) * inputs[other], share * targets + (1 - share) * targets[other]


def standardisation(features: Float) -> tuple[Float, Float]:
    """The mean and the scale of each of the features (n, channels), both of shape (channels,)."""
    deviation = features.std(axis=0)
    common = np.sqrt(np.mean(np.square(deviation)))
    return features.mean(axis=0), deviation + common + np.float32(TINY)


def folded(kernel: Float, bias: Float, mean: Float, scale: Float, centres: Float) -> Head:
    """A head for raw features that gives what kernel and bias give for standardised ones."""
    raw_kernel = kernel.astype(np.float64) / scale[:, None]
    raw_bias = bias - mean.astype(np.float64) @ raw_kernel
    return Head(raw_kernel.astype(np.float32), raw_bias.astype(np.float32), centres)


def class_centres(features: Float, labels: Int, label_count: int) -> Float:
    """Each class's mean feature vector, scaled to length 1; float32 (labels, channels)."""
    means = np.stack([features[labels == label].mean(axis=0) for label in range(label_count)])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.maximum(lengths, TINY), np.float32)


def class_weights(labels: Int, label_count: int, balance: str = "weights") -> Float:
    """A weight a class (labels,), inverse to its share; all 1 where balance is none."""
    if balance == "none":
        return np.ones(label_count, np.float32)
    counts = np.maximum(1, np.bincount(labels, minlength=label_count))
    return (len(labels) / (label_count * counts)).astype(np.float32)
