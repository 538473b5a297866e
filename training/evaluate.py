"""The evaluation stage: the float network on held-out photographs → evaluation.json.

The threshold below which an answer counts as unknown is chosen on the validation part; the test part is
for reporting only.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training.convert import to_float
from training.features import run_over
from training.load import load
from training.model import TrainedRun, read_trained
from training.progress import Reporter
from training.runs import EVALUATION, FLOAT_NETWORK, SCORES, Run
from training.scan import Part

Float = NDArray[np.float32]
Int = NDArray[np.int64]

HELD_OUT: tuple[Part, Part] = ("val", "test")
WANTED_PRECISION = 0.95
LEAST_ANSWERED = 0.75
THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(9))


class PartResult(BaseModel):
    """How one part came out. confusion[i][j]: pictures of label i that were called label j."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float
    count: int
    answered: float
    accuracy_answered: float
    confusion: tuple[tuple[int, ...], ...]


class Evaluation(BaseModel):
    """evaluation.json: the float network's results at its threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float
    val: PartResult
    test: PartResult


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Scores (n, labels) of the validation and the test part, in the split's order."""

    val: Float
    test: Float


def evaluate(run: Run, reporter: Reporter, trained: TrainedRun | None = None) -> HeldOutScores:
    """Run the float network over val and test, and write float.tflite, scores.npz and evaluation.json."""
    trained = trained or read_trained(run)
    network = to_float(trained.model)
    paths = [item.path for item in (*trained.split.val, *trained.split.test)]
    with reporter.steps("evaluating the float network", len(paths)) as step:
        rows = run_over(network, paths, lambda path: load(path, trained.config.spec), step)
    scores = HeldOutScores(*np.split(rows, [len(trained.split.val)]))
    val, test = (np.asarray(trained.split.targets(part), np.int64) for part in HELD_OUT)
    threshold = choose_threshold(scores.val, val)
    result = Evaluation(
        threshold=threshold,
        val=judge(scores.val, val, threshold),
        test=judge(scores.test, test, threshold),
    )
    run.write(FLOAT_NETWORK, network)
    run.write(SCORES, _to_bytes(scores))
    run.write_record(EVALUATION, result)
    return scores


def judge(scores: Float, targets: Int, threshold: float) -> PartResult:
    """Accuracy over all, and over those scored at or above the threshold, with the confusion counts."""
    labels = scores.shape[1]
    chosen, answered = scores.argmax(axis=1), scores.max(axis=1) >= threshold
    right = chosen == targets
    confusion = np.bincount(targets * labels + chosen, minlength=labels * labels).reshape(labels, labels)
    return PartResult(
        accuracy=float(right.mean()),
        count=len(targets),
        answered=float(answered.mean()),
        accuracy_answered=float(right[answered].mean()) if answered.any() else 0.0,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )


def choose_threshold(scores: Float, targets: Int) -> float:
    """The lowest of 0.50, 0.55 … 0.90 at which 95 % of the answers are right.

    Where none reaches that, the one with the best share; never one that answers less than 75 %, unless
    it is 0.5.
    """
    best, best_precision = THRESHOLDS[0], -1.0
    for threshold in THRESHOLDS:
        result = judge(scores, targets, threshold)
        if threshold > THRESHOLDS[0] and result.answered < LEAST_ANSWERED:
            break
        if result.accuracy_answered > best_precision:
            best, best_precision = threshold, result.accuracy_answered
        if best_precision >= WANTED_PRECISION:
            break
    return best


def _to_bytes(scores: HeldOutScores) -> bytes:
    body = io.BytesIO()
    np.savez(body, val=scores.val, test=scores.test)
    return body.getvalue()
