"""Suspected wrong labels: pictures whose label a model that never saw them finds unlikely. Arrays only.

Confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 70, 2021) as the `cleanlab` library does it, on out-of-fold probabilities of a logistic
regression over frozen features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_FOLDS, LEAST_PHOTOGRAPHS = 5, 5
REGULARISATION = 0.03  # scikit-learn's C: there are more features than photographs
MOST_ITERATIONS = 300


@dataclass(frozen=True, slots=True)
class Suspect:
    """index: of the picture; likelihood: the model's probability of its label; rather: the likelier label."""

    index: int
    likelihood: float
    rather: int
    confidence: float


def suspected_labels(
    features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int = 0
) -> list[Suspect]:
    """Pictures that are probably labelled wrongly, the most suspicious first.

    features: (n, channels); labels: (n,), numbered from 0; groups: (n,), equal for near duplicates, which
    are never both learnt from and judged. Classes with fewer than five groups are left alone; with less
    than two other classes nothing is suspected.
    """
    chosen = np.flatnonzero(np.isin(labels, _judged_classes(labels, groups)))
    kinds, targets = np.unique(labels[chosen], return_inverse=True)
    if len(kinds) < 2:
        return []
    likely = _out_of_fold(features[chosen], targets, groups[chosen], seed)
    return [
        Suspect(
            index=int(chosen[row]),
            likelihood=float(likely[row, targets[row]]),
            rather=int(kinds[likely[row].argmax()]),
            confidence=float(likely[row].max()),
        )
        for row in _ranked_issues(targets, likely)
        if likely[row].argmax() != targets[row]
    ]


def _judged_classes(labels: NDArray[np.int64], groups: NDArray[np.int64]) -> list[int]:
    return [
        int(label)
        for label in np.unique(labels)
        if len(np.unique(groups[labels == label])) >= LEAST_PHOTOGRAPHS
    ]


def _out_of_fold(
    features: NDArray[np.float32], targets: NDArray[np.int64], groups: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Class probabilities (n, classes) of each picture by a model that was trained without its group."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    likely = np.full((len(targets), int(targets.max()) + 1), 1e-9)
    folds = StratifiedGroupKFold(MOST_FOLDS, shuffle=True, random_state=seed)
    for learn, judge in folds.split(features, targets, groups):
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=MOST_ITERATIONS)
        )
        # many threads on such small matrices wait for each other: on two busy cores 30 times as long
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # nearly fitted is good enough to rank by
            model.fit(features[learn], targets[learn])
        likely[np.ix_(judge, model.classes_)] = model.predict_proba(features[judge])
    sums: NDArray[np.float64] = likely.sum(axis=1, keepdims=True)
    return likely / sums


def _ranked_issues(targets: NDArray[np.int64], likely: NDArray[np.float64]) -> list[int]:
    from cleanlab.filter import find_label_issues

    found = find_label_issues(targets, likely, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [int(row) for row in found]
