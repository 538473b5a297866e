"""A quantized network on the held-out photographs: its unknown rule, what it lost, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.model.model_file import ModelFile
from edge.unknown_rule import is_familiar
from training.dataset.scan import Part, Photograph
from training.dataset.split import Split
from training.evaluation.evaluate import Evaluated
from training.evaluation.intervals import wilson
from training.evaluation.out_of_distribution import measure_ood
from training.evaluation.record import OodResult, judge
from training.evaluation.thresholds import choose_thresholds
from training.evaluation.unknown import PartScores, UnknownRule
from training.features.familiarity import NO_LIMIT
from training.progress import Reporter
from training.quantization.candidates import Candidate, FloatNetwork, quantizer_version
from training.quantization.comparison import (
    Attempt,
    Comparison,
    Drop,
    class_changes,
    device_scores,
    latency_ms,
    paired_drop,
)


@dataclass(frozen=True, slots=True)
class ShippedRule:
    """The unknown rule of a quantized network, and the median familiarity of pictures as those trained on."""

    rule: UnknownRule
    typical: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A quantized network that has been run on the held-out photographs as a device runs it."""

    candidate: Candidate
    model: ModelFile
    val: PartScores
    test: PartScores
    shipped: ShippedRule
    ood: OodResult | None
    drop: Drop

    def as_attempt(self, refused: str | None) -> Attempt:
        """The record of it; refused: why it must not ship."""
        return Attempt(
            about=self.candidate.about,
            precision=self.candidate.precision,
            accuracy=self.drop.after,
            agreement=self.drop.agreement,
            drop=self.drop.size,
            drop_error=self.drop.error,
            size_bytes=len(self.model.network),
            refused=refused,
        )


def measure(
    candidate: Candidate,
    model: ModelFile,
    split: Split,
    evaluated: Evaluated,
    ood: Sequence[Photograph],
    reporter: Reporter,
) -> Measured:
    """Run the candidate's model over the validation part, the test part and out-of-distribution pictures."""
    rows = device_scores(model, (*split.val, *split.test, *ood), reporter)
    ends = np.cumsum([len(split.val), len(split.test)])
    parts = zip(np.split(rows.scores, ends), np.split(rows.familiarity, ends), strict=True)
    val, test, foreign = (PartScores(*part) for part in parts)
    shipped = choose_rule(val, _targets(split, "val"), evaluated)
    result = measure_ood(val, test, foreign, shipped.rule) if ood else None
    drop = paired_drop(evaluated.test.scores, test.scores, _targets(split, "test"))
    return Measured(candidate, model, val, test, shipped, result, drop)


def choose_rule(val: PartScores, targets: NDArray[np.int64], evaluated: Evaluated) -> ShippedRule:
    """The unknown rule for a quantized network, from what it says of the validation part.

    The familiarity limit is the float network's, which more pictures decided, moved by int8's shift of
    familiarity.
    """
    record = evaluated.record
    shift = float(np.median(val.familiarity - evaluated.val.familiarity))
    limit = record.familiarity_threshold
    moved = limit if limit == NO_LIMIT else float(np.clip(limit + shift, -1, 1))
    familiar = is_familiar(val.familiarity, moved)
    thresholds = choose_thresholds(val.scores, targets, record.target_precision, familiar)
    return ShippedRule(
        UnknownRule(thresholds, moved), float(np.clip(record.familiarity_typical + shift, -1, 1))
    )


def compare(
    source: FloatNetwork,
    found: Measured,
    split: Split,
    evaluated: Evaluated,
    attempts: tuple[Attempt, ...],
) -> Comparison:
    """The record of the float network and the quantized one side by side."""
    targets, network = _targets(split, "test"), found.model.network
    rule, test, drop, labels = found.shipped.rule, found.test, found.drop, split.labels
    result = judge(test, targets, rule, test.scores, labels)
    return Comparison(
        precision=found.candidate.precision,
        quantizer=quantizer_version(),
        attempts=attempts,
        float_accuracy=drop.before,
        float_interval=wilson(round(drop.before * drop.count), drop.count),
        int8_accuracy=drop.after,
        int8_interval=result.accuracy_interval,
        count=drop.count,
        agreement=drop.agreement,
        agreement_interval=wilson(round(drop.agreement * drop.count), drop.count),
        drop=drop.size,
        drop_error=drop.error,
        classes=class_changes(evaluated.test.scores, test.scores, targets, labels),
        float_latency_ms=latency_ms(source.network),
        int8_latency_ms=latency_ms(network),
        float_bytes=len(source.network),
        int8_bytes=len(network),
        threshold=rule.thresholds.common,
        class_thresholds=rule.thresholds.by_label(labels),
        familiarity_threshold=rule.familiarity,
        answered=result.answered,
        accuracy_answered=result.accuracy_answered,
        accuracy_answered_interval=result.accuracy_answered_interval,
        float_calibration_error=evaluated.record.test.calibration_error,
        calibration_error=result.calibration_error,
        ood=found.ood,
    )


def _targets(split: Split, part: Part) -> NDArray[np.int64]:
    return np.asarray(split.targets(part), np.int64)
