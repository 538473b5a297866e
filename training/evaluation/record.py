"""evaluation.json: how good the float network is on pictures that it was not trained on.

Every share comes with its 95 % interval. The validation part has decided the temperature, the thresholds and
the familiarity limit, so only the test part's figures are unbiased.
"""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from training.errors import RunError
from training.evaluation.intervals import Interval, macro_f1, macro_f1_interval, percentiles, wilson
from training.evaluation.unknown import PartScores, Separation, UnknownRule
from training.head.temperature import Bin, calibration_error, reliability
from training.runs import EVALUATION, Record, Run

Float = NDArray[np.float32]
Int = NDArray[np.int64]

# Raised when an older evaluation.json can no longer be read.
SCHEMA = 2


class ClassResult(Record):
    """One label among all labels. count: pictures of it; precision is 0 where it was never said."""

    label: str
    count: int
    precision: float
    recall: float
    f1: float
    recall_interval: Interval


class PartResult(Record):
    """How one part came out.

    answered: the share that the unknown rule lets pass, accuracy_answered: of those, the right ones.
    confusion[i][j]: pictures of label i that were called label j, whether the rule lets them pass or not.
    """

    count: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    answered: float
    accuracy_answered: float
    accuracy_answered_interval: Interval
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[ClassResult, ...]
    calibration_error_before: float
    calibration_error: float
    bins: tuple[Bin, ...]


class RuleResult(Record):
    """One value as a detector: AUROC, and the share of ood pictures accepted where 95 % of test is kept."""

    auroc: float
    auroc_interval: Interval
    false_accepts_at_95_kept: float


class OodResult(Record):
    """How `count` pictures of none of the classes were told from the test part.

    kept and accepted: the shares of the test part and of the ood pictures that the shipped rule lets pass.
    The JSON key of such a result is `strangers`.
    """

    count: int
    top_score: RuleResult
    familiarity: RuleResult
    both: RuleResult
    kept: float
    kept_interval: Interval
    accepted: float
    accepted_interval: Interval


class EvaluationRecord(Record):
    """evaluation.json. left_out: mean result for each class with a head that was fitted without it.

    camera_allowance: how much familiarity a camera's compression costs, which the limit leaves room for.
    least_length: of features, for `shipped_network`.
    """

    schema_: Literal[2] = Field(default=2, alias="schema")
    threshold: float
    class_thresholds: dict[str, float]
    target_precision: float
    temperature: float
    familiarity_threshold: float
    familiarity_typical: float
    camera_allowance: float = 0.0
    least_length: float
    val: PartResult
    test: PartResult
    ood: OodResult | None = Field(validation_alias="strangers", serialization_alias="strangers")
    left_out: OodResult | None


def read_evaluation(run: Run) -> EvaluationRecord:
    """A run's evaluation; raises RunError, also where another version wrote it."""
    try:
        found = json.loads(run.read(EVALUATION)).get("schema", 1)
    except (ValueError, AttributeError):
        found = SCHEMA  # no JSON object at all: let the reader below say what is wrong
    if found != SCHEMA:
        why = f"{EVALUATION} is of version {found}, this program reads version {SCHEMA}"
        advice = f"make it again with `edge-train evaluate --run {run.name}`"
        raise RunError(f"can't use the run {run.name}", why, advice)
    return run.read_record(EVALUATION, EvaluationRecord)


def judge(
    part: PartScores, targets: Int, rule: UnknownRule, before: Float, labels: tuple[str, ...]
) -> PartResult:
    """The result of one part; `before` are its scores (n, labels) without temperature scaling."""
    answered = rule.answered(part)
    right = part.scores.argmax(axis=1) == targets
    confusion = confusion_counts(part.scores, targets)
    count, right_answered = len(targets), int(right[answered].sum())
    return PartResult(
        count=count,
        accuracy=share(int(right.sum()), count),
        accuracy_interval=wilson(int(right.sum()), count),
        macro_f1=float(macro_f1(confusion)),
        macro_f1_interval=macro_f1_interval(confusion),
        answered=share(int(answered.sum()), count),
        accuracy_answered=share(right_answered, int(answered.sum())),
        accuracy_answered_interval=wilson(right_answered, int(answered.sum())),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
        classes=tuple(_class_result(confusion, number, label) for number, label in enumerate(labels)),
        calibration_error_before=calibration_error(before, targets),
        calibration_error=calibration_error(part.scores, targets),
        bins=reliability(part.scores, targets),
    )


def confusion_counts(scores: Float, targets: Int) -> Int:
    """How often label i was called label j, int64 (labels, labels)."""
    labels = scores.shape[1]
    cells = targets * labels + scores.argmax(axis=1)
    return np.bincount(cells, minlength=labels * labels).reshape(labels, labels)


def share(some: int, count: int) -> float:
    """some / count, 0 where there is nothing."""
    return some / count if count else 0.0


def rule_result(separation: Separation) -> RuleResult:
    """The record of a separation."""
    return RuleResult(
        auroc=separation.auroc,
        auroc_interval=percentiles(separation.resamples),
        false_accepts_at_95_kept=separation.accepted,
    )


def _class_result(confusion: Int, number: int, label: str) -> ClassResult:
    hits, own, said = confusion[number, number], confusion[number].sum(), confusion[:, number].sum()
    return ClassResult(
        label=label,
        count=int(own),
        precision=share(int(hits), int(said)),
        recall=share(int(hits), int(own)),
        f1=share(int(2 * hits), int(own + said)),
        recall_interval=wilson(int(hits), int(own)),
    )
