"""What a trial is worth: cross-validated loss of the head on cached features, fold by fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from training.config import TrainConfig
from training.dataset.split import Split
from training.features.extract import Features
from training.head.softmax_head import HeadData, fit_head, judged
from training.progress import Silent

Float = NDArray[np.float32]
Int = NDArray[np.int64]

FOLDS = 4


@dataclass(frozen=True, slots=True)
class Fold:
    """Which rows of the training and validation parts together are fitted on, and which judged."""

    fitted: Int
    judged: Int


def folds(split: Split, seed: int) -> tuple[Fold, ...]:
    """Folds over train and val together, stratified, groups kept whole; fewer where a class is small."""
    items = (*split.train, *split.val)
    labels = np.asarray([*split.targets("train"), *split.targets("val")], np.int64)
    groups = np.asarray([item.group or item.sha256 for item in items])
    count = max(2, min(FOLDS, int(np.bincount(labels, minlength=len(split.labels)).min())))
    folder = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    return tuple(Fold(*pair) for pair in folder.split(labels[:, None], labels, groups))


def losses(
    features: Features, split: Split, config: TrainConfig, chosen: tuple[Fold, ...]
) -> Iterator[tuple[float, float]]:
    """Cross-entropy and accuracy of each fold, one at a time, so that a poor trial can be given up.

    Pictures are judged as they are; augmented views are fitted on where there are any.
    """
    plain = np.concatenate((features.train, features.val))
    labels = np.asarray([*split.targets("train"), *split.targets("val")], np.int64)
    views = features.views.reshape(-1, len(features.train), plain.shape[1])
    for fold in chosen:
        own = fold.fitted[fold.fitted < len(features.train)]
        rows = np.concatenate((plain[fold.fitted], *(view[own] for view in views)))
        targets = np.concatenate((labels[fold.fitted], np.tile(labels[own], len(views))))
        data = HeadData(rows, targets, plain[fold.judged], labels[fold.judged], len(split.labels))
        head = fit_head(data, config.head, config.seed, Silent()).head
        yield judged(head.logits(data.val), data.val_labels)
