"""The evaluation stage: the float network on held-out photographs → evaluation.json.

The temperature, the thresholds and the familiarity limit are chosen on the validation part (the limit on
training photographs as well, each as if it had not been trained on, with room for what a camera's
compression does to a picture); the test part is for reporting only.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.unknown_rule import is_familiar
from training.dataset.scan import PARTS, Part
from training.errors import RunError
from training.evaluation.held_out import (
    HeldOutFeatures,
    find_ood_photographs,
    held_out_features,
    stored_features,
)
from training.evaluation.out_of_distribution import (
    Aim,
    LabelledFeatures,
    answer_features,
    measure_left_out,
    measure_ood,
)
from training.evaluation.record import EvaluationRecord, OodResult, judge, read_evaluation
from training.evaluation.thresholds import TARGET_PRECISION, choose_thresholds
from training.evaluation.unknown import PartScores, UnknownRule
from training.features.extract import Features
from training.features.familiarity import choose_limit, familiarity_to_others
from training.fit.trained_network import TrainedRun, read_trained
from training.head.temperature import fit_temperature
from training.progress import Reporter
from training.runs import EVALUATION, SCORES, Run

Float = NDArray[np.float32]
Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The stage's outcome: the record, and what the network says of each part in the split's order."""

    record: EvaluationRecord
    val: PartScores
    test: PartScores


@dataclass(frozen=True, slots=True)
class _Basis:
    """What there is to judge, and by which temperature and precision."""

    trained: TrainedRun
    stored: Features
    held_out: HeldOutFeatures
    temperature: float
    target_precision: float

    def answer_features(self, features: Float) -> PartScores:
        return answer_features(self.trained.head, self.temperature, features)

    def targets(self, part: Part) -> Int:
        return np.asarray(self.trained.split.targets(part), np.int64)


def evaluate(
    run: Run, reporter: Reporter, trained: TrainedRun | None = None, target_precision: float | None = None
) -> Evaluated:
    """Judge the float network, and write scores.npz and evaluation.json.

    The wanted precision is the last evaluation's where none is given, 0.95 in the first.
    """
    trained, last = trained or read_trained(run), _last(run)
    target_precision = target_precision or (last.target_precision if last else TARGET_PRECISION)
    held_out = held_out_features(trained, find_ood_photographs(trained.config, reporter), reporter)
    temperature = fit_temperature(trained.head.logits(held_out.val), np.asarray(trained.split.targets("val")))
    basis = _Basis(trained, stored_features(run), held_out, temperature, target_precision)
    if last and last.left_out and last.target_precision == target_precision:
        left_out: OodResult | None = last.left_out  # it would come out the same
    else:
        left_out = _left_out(basis, reporter)
    evaluated = _judge_parts(basis, left_out)
    run.write(SCORES, scores_bytes(evaluated.val, evaluated.test))
    run.write_record(EVALUATION, evaluated.record)
    return evaluated


def scores_bytes(val: PartScores, test: PartScores) -> bytes:
    """Scores (n, labels) and familiarity (n,) of both parts as an npz file's content."""
    body = io.BytesIO()
    familiarity = {"val_familiarity": val.familiarity, "test_familiarity": test.familiarity}
    arrays: dict[str, Any] = {"val": val.scores, "test": test.scores, **familiarity}
    np.savez(body, **arrays)
    return body.getvalue()


def _judge_parts(basis: _Basis, left_out: OodResult | None) -> Evaluated:
    labels, head, held_out = basis.trained.split.labels, basis.trained.head, basis.held_out
    val, test = basis.answer_features(held_out.val), basis.answer_features(held_out.test)
    familiar, allowance = _familiar(basis, val), _allowance(basis, val)
    limit = choose_limit(familiar, allowance)
    passed = is_familiar(val.familiarity, limit)
    thresholds = choose_thresholds(val.scores, basis.targets("val"), basis.target_precision, passed)
    rule = UnknownRule(thresholds, limit)
    ood = None
    if held_out.ood is not None:
        ood = measure_ood(val, test, basis.answer_features(held_out.ood), rule)
    record = EvaluationRecord(
        threshold=thresholds.common,
        class_thresholds=thresholds.by_label(labels),
        target_precision=basis.target_precision,
        temperature=basis.temperature,
        familiarity_threshold=rule.familiarity,
        familiarity_typical=float(np.median(familiar)) - allowance,
        camera_allowance=allowance,
        least_length=float(np.linalg.norm(held_out.val, axis=1).min()) / 2,
        val=judge(val, basis.targets("val"), rule, head.scores(held_out.val), labels),
        test=judge(test, basis.targets("test"), rule, head.scores(held_out.test), labels),
        ood=ood,
        left_out=left_out,
    )
    return Evaluated(record, val, test)


def _familiar(basis: _Basis, val: PartScores) -> Float:
    """The values to choose the limit on; a tuned backbone has seen its training photographs too well."""
    if basis.trained.record.fine_tuned:
        return val.familiarity
    stored, targets = basis.stored, basis.targets("train")
    unseen = familiarity_to_others(stored.train, stored.views, targets, len(basis.trained.split.labels))
    return np.concatenate((unseen, val.familiarity))


def _allowance(basis: _Basis, val: PartScores) -> float:
    """How much less familiar a photograph becomes by a camera's compression, in the median."""
    streamed = basis.answer_features(basis.held_out.streamed).familiarity
    return max(0.0, float(np.median(val.familiarity[: len(streamed)] - streamed)))


def _left_out(basis: _Basis, reporter: Reporter) -> OodResult | None:
    if basis.trained.record.fine_tuned:
        return None  # the stored features are not those of the network that ships
    data = LabelledFeatures(basis.stored, *(basis.targets(part) for part in PARTS))
    allowance = _allowance(basis, basis.answer_features(basis.held_out.val))
    aim = Aim(basis.temperature, basis.target_precision, allowance)
    return measure_left_out(data, basis.trained.config, aim, reporter)


def _last(run: Run) -> EvaluationRecord | None:
    with contextlib.suppress(RunError):
        return read_evaluation(run)
    return None
