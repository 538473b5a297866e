"""What learning curves say, in words: pure functions over `Curves`.

The limits were settled on heads fitted to two real sets with wrong labels, rates, epochs and too few
photographs planted (LOG.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.head.softmax_head import Curves
from training.report.wording import percent

Float = NDArray[np.float64]
Kind = Literal[
    "none", "learning_rate_too_high", "not_converged", "doubtful_labels", "overfits", "underfits", "fine"
]

# As a share of the loss's range: one that climbs this much in all jumps rather than falls.
MAX_RISE = 0.5
# Validation loss that was best after the first epoch and grew by this factor: the steps are too large.
MAX_RATIO_TO_FIRST = 1.4
# Nats of validation loss over the last third: less is no reason for more epochs.
MIN_FALL = 0.003
# Nats: the labels of these photographs get a score of 2 %.
MIN_LOSS_PER_MISTAKE = 4.0
# Fewer mistakes prove nothing; with more the network has learnt too little to cast doubt on a label.
MIN_MISTAKES, MAX_MISTAKES = 0.02, 0.3
# Training accuracy is always somewhat higher; a smaller gap is no overfitting.
MIN_GAP = 0.08
# A network that gets less of its own training photographs right is too weak for the task.
MIN_TRAINING_ACCURACY = 0.85


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that the curves show; advice is empty where nothing is to be done."""

    kind: Kind
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """Curves with what they can't know: the most epochs allowed, the validation part's size, the rate.

    setting, option: how the user changes the learning rate and the epochs.
    """

    curves: Curves
    most_epochs: int
    val_count: int
    learning_rate: float
    setting: str = "head.learning_rate"
    option: str = "--epochs"

    @property
    def best(self) -> int:
        """The index of the epoch with the lowest validation loss."""
        return int(np.argmin(np.nan_to_num(self.curves.val_loss, nan=np.inf)))


def diagnose(fit: Fit) -> tuple[Diagnosis, ...]:
    """What the curves show, the most serious first; `fine` alone where nothing is wrong."""
    if not fit.curves.val_loss:
        return (Diagnosis("none", "There are no curves: nothing was trained here."),)
    wild = _learning_rate(fit)
    if wild:
        return (wild,)
    short = _convergence(fit)
    labels = None if short else _labels(fit)
    found = [entry for entry in (short, labels, _overfitting(fit), _underfitting(fit)) if entry]
    return tuple(found) or (_fine(fit),)


def total_rise(losses: list[float]) -> float:
    """How far a loss climbs in all, as a share of its whole range: 0 where it only falls."""
    values = np.asarray(losses)
    span = float(values.max() - values.min())
    return float(np.clip(np.diff(values), 0, None).sum() / span) if span else 0.0


def _learning_rate(fit: Fit) -> Diagnosis | None:
    train, val = np.asarray(fit.curves.train_loss), np.asarray(fit.curves.val_loss)
    advice = f"lower the learning rate: --set {fit.setting}={fit.learning_rate / 3:.1g}"
    if not (np.isfinite(train).all() and np.isfinite(val).all()):
        return Diagnosis("learning_rate_too_high", "The loss became infinite: learning diverged.", advice)
    if len(train) > 1 and train[-1] > train[0]:
        text = f"Training loss rose from {train[0]:.2f} to {train[-1]:.2f}: learning diverged."
        return Diagnosis("learning_rate_too_high", text, advice)
    if len(train) > 3 and total_rise(fit.curves.train_loss) > MAX_RISE:
        text = "Training loss jumps up and down instead of falling: the steps are too large."
        return Diagnosis("learning_rate_too_high", text, advice)
    if fit.best == 0 and val.max() > MAX_RATIO_TO_FIRST * val[0]:
        text = (
            f"Validation loss was best after the first epoch ({val[0]:.2f}) and went up to {val.max():.2f} "
            "from there: the steps are too large."
        )
        return Diagnosis("learning_rate_too_high", text, advice)
    return None


def _convergence(fit: Fit) -> Diagnosis | None:
    losses = fit.curves.val_loss
    fall = losses[-1 - max(1, len(losses) // 3)] - losses[-1] if len(losses) > 1 else np.inf
    if len(losses) < fit.most_epochs or fit.best != len(losses) - 1 or fall < MIN_FALL:
        return None
    text = f"Not converged: validation loss was still falling when the {fit.most_epochs} epochs were over."
    return Diagnosis("not_converged", text, f"allow more epochs: {fit.option} {3 * fit.most_epochs}")


def _labels(fit: Fit) -> Diagnosis | None:
    best = fit.best
    mistakes = 1 - fit.curves.train_accuracy[best]
    if not MIN_MISTAKES <= mistakes <= MAX_MISTAKES:
        return None
    if fit.curves.train_loss[best] / mistakes < MIN_LOSS_PER_MISTAKE:
        return None
    text = (
        f"Suspicious labels: at its best the network gave the labels of about {percent(mistakes, 0)} of the "
        "training photographs next to no chance, though it was trained on them."
    )
    return Diagnosis("doubtful_labels", text, "look at the suspected labels: edge-train audit PHOTOS")


def _overfitting(fit: Fit) -> Diagnosis | None:
    train, val = fit.curves.train_accuracy[fit.best], fit.curves.val_accuracy[fit.best]
    chance = 2 * np.sqrt(val * (1 - val) / max(1, fit.val_count))
    if train - val <= max(MIN_GAP, chance):
        return None
    text = (
        f"Overfitting: {percent(train)} of the training photographs are right, but {percent(val)} of the "
        f"validation part, at the epoch that was kept ({fit.best + 1})."
    )
    return Diagnosis("overfits", text, "add photographs: more different ones help most against overfitting")


def _underfitting(fit: Fit) -> Diagnosis | None:
    accuracy = fit.curves.train_accuracy[fit.best]
    if accuracy >= MIN_TRAINING_ACCURACY:
        return None
    text = f"Underfitting: even of the training photographs only {percent(accuracy)} are right."
    return Diagnosis("underfits", text, "try a larger input (--size), another --backbone, or --fine-tune 10")


def _fine(fit: Fit) -> Diagnosis:
    curves, best = fit.curves, fit.best
    text = (
        f"The curves look fine: validation loss was lowest ({curves.val_loss[best]:.2f}) after epoch "
        f"{best + 1} of {len(curves.val_loss)}, with {percent(curves.train_accuracy[best])} of the training "
        f"photographs and {percent(curves.val_accuracy[best])} of the validation part right."
    )
    return Diagnosis("fine", text)
