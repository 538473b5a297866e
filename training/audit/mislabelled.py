"""Suspected wrong labels: pictures whose label a model that never saw them finds unlikely. Arrays only.

Confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 70, 2021) on out-of-fold probabilities of a shrunk linear discriminant over frozen features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.head.softmax_head import softmax

Float = NDArray[np.float32]
Int = NDArray[np.int64]

# One picture of a class in each fold is the least that can be learnt from.
FOLDS, MIN_PHOTOGRAPHS = 5, 5
# Of the covariance towards a sphere, because there are more features than photographs.
SHRINKAGE = 0.5
# Of the logits, because a discriminant of a thousand features is too sure of itself.
SOFTENING = np.float32(0.2)


@dataclass(frozen=True, slots=True)
class Suspect:
    """index: of the picture; likelihood: the model's probability of its label; rather: the likelier label."""

    index: int
    likelihood: float
    rather: int
    confidence: float


def find_suspects(features: Float, labels: Int, groups: Int, seed: int = 0) -> list[Suspect]:
    """Pictures that are probably labelled wrongly, the most suspicious first.

    features: (n, channels); labels: (n,), numbered from 0; groups: (n,), equal for near duplicates, which
    are never both learnt from and judged. Classes with fewer than five groups are left alone; with less
    than two other classes nothing is suspected.
    """
    chosen = np.flatnonzero(np.isin(labels, _judged_classes(labels, groups)))
    kinds, targets = np.unique(labels[chosen], return_inverse=True)
    if len(kinds) < 2:
        return []
    # one thread: on busy cores the others wait for each other
    with threadpool_limits(1):
        likely = _out_of_fold(features[chosen], targets, _folds(targets, groups[chosen], seed))
    return [
        Suspect(
            index=int(chosen[row]),
            likelihood=float(likely[row, targets[row]]),
            rather=int(kinds[likely[row].argmax()]),
            confidence=float(likely[row].max()),
        )
        for row in confident_errors(likely, targets)
    ]


def confident_errors(likely: Float, targets: Int) -> Int:
    """Rows off the diagonal of the confident joint, those of the least likely labels first.

    likely: probabilities (n, classes); targets: (n,). A class is confident of a row whose probability of it
    reaches the mean of the class's own rows; the likeliest of the confident classes is the row's. Rows whose
    label is the likeliest of all stay out, as in the `cleanlab` library.
    """
    kinds = range(likely.shape[1])
    own = np.array([likely[targets == kind, kind].mean() for kind in kinds])
    confident = np.where(likely >= own, likely, -1)
    wrong = np.flatnonzero(
        (confident.max(axis=1) >= 0)
        & (confident.argmax(axis=1) != targets)
        & (likely.argmax(axis=1) != targets)
    )
    return wrong[np.argsort(likely[wrong, targets[wrong]], kind="stable")]


def _judged_classes(labels: Int, groups: Int) -> list[int]:
    return [
        int(label)
        for label in np.unique(labels)
        if len(np.unique(groups[labels == label])) >= MIN_PHOTOGRAPHS
    ]


def _folds(targets: Int, groups: Int, seed: int) -> Int:
    """A fold (n,) for each row: whole groups, the groups of a class dealt out in turn."""
    rng = np.random.default_rng(seed)
    _, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    fold_of = np.zeros(len(first), np.int64)
    dealt = 0
    for kind in np.unique(targets):
        members = rng.permutation(np.flatnonzero(targets[first] == kind))
        fold_of[members] = (dealt + np.arange(len(members))) % FOLDS
        dealt += len(members)
    return fold_of[group_of]


def _out_of_fold(features: Float, targets: Int, folds: Int) -> Float:
    """Class probabilities (n, classes) of each picture by a discriminant that was fitted without its fold."""
    features = features - features.mean(axis=0)
    classes = int(targets.max()) + 1
    likely = np.zeros((len(targets), classes), np.float32)
    products = features.T @ features
    for fold in np.unique(folds):
        judged = folds == fold
        learnt = products - features[judged].T @ features[judged]
        kernel, bias = _discriminant(features[~judged], targets[~judged], classes, learnt)
        likely[judged] = softmax(SOFTENING * (features[judged] @ kernel + bias))
    return likely


def _discriminant(features: Float, targets: Int, classes: int, products: Float) -> tuple[Float, Float]:
    """Kernel (channels, classes) and bias (classes,) of a linear discriminant with a shrunk covariance.

    products: (channels, channels), the sum of the outer products of the features' rows.
    """
    members = np.eye(classes, dtype=np.float32)[targets]
    counts = members.sum(axis=0)
    means = (members.T @ features) / np.maximum(counts, 1)[:, None]
    scatter = (products - (means * counts[:, None]).T @ means) / np.float32(len(targets))
    sphere = np.float32(max(float(np.trace(scatter)) / len(scatter), 1e-6))
    covariance = (1 - SHRINKAGE) * scatter + SHRINKAGE * sphere * np.eye(len(scatter), dtype=np.float32)
    kernel = np.linalg.solve(covariance, means.T).astype(np.float32)
    bias: Float = -0.5 * np.einsum("kc,ck->k", means, kernel)
    return kernel, bias
