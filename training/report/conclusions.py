"""All that the report concludes from the records of a run: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.audit.record import Audit
from training.report.confusion import Confused, confused_pairs
from training.report.diagnosis import Diagnosis, Fit, diagnose
from training.report.occlusion import OcclusionResult
from training.report.quality import Evidence, Quality, describe_weak_classes, judge_quality, next_steps
from training.report.read import RunRecords
from training.report.wording import interval_text, percent
from training.trained_run import TrainedRun

# Of all photographs: so many wrong labels cost accuracy, so looking at them comes first.
MANY_SUSPECTS = 0.01


@dataclass(frozen=True, slots=True)
class Learning:
    """One fit: its curves, what they show, and the epoch (from 1) that was kept, None where none was."""

    title: str
    fit: Fit
    diagnoses: tuple[Diagnosis, ...]
    kept: int | None


@dataclass(frozen=True, slots=True)
class Conclusions:
    """The conclusions; weak and float_network are empty where there is nothing to say."""

    quality: Quality
    weak: str
    compared: str
    float_network: str
    steps: tuple[str, ...]
    learning: tuple[Learning, ...]
    confused: tuple[Confused, ...]

    @property
    def verdict(self) -> tuple[str, ...]:
        """The verdict, a sentence a line."""
        said = (self.quality.text, self.weak, self.float_network, self.compared)
        steps = (f"Next: {step}." for step in self.steps)
        return (*(sentence for sentence in said if sentence), *steps)


def conclude(
    trained: TrainedRun,
    records: RunRecords,
    occlusion: Sequence[OcclusionResult],
    compared: str,
    wanted: float,
) -> Conclusions:
    """Draw the conclusions; compared: the outcome of the comparison with another run, in words."""
    val, test = records.evaluation.val, records.evaluation.test
    quality = judge_quality(test, wanted, records.comparison)
    suspects, many = _suspects(records.audit)
    confused = confused_pairs(trained.split.labels, test.confusion)
    learning = _learning(trained)
    evidence = Evidence(
        quality=quality,
        val=val,
        test=test,
        train_counts=trained.split.counts("train"),
        wanted=wanted,
        confused=confused,
        data_advice=_errors(records.audit) + (suspects if many else []),
        occlusion_advice=[_occlusion_advice(result) for result in occlusion if result.warns],
        curve_advice=[d.advice for entry in learning for d in entry.diagnoses if d.advice],
        minor_advice=[] if many else suspects,
        quantized=records.comparison is not None,
    )
    return Conclusions(
        quality,
        describe_weak_classes(test, wanted),
        compared,
        _float_network(records),
        next_steps(evidence),
        learning,
        confused,
    )


def _learning(trained: TrainedRun) -> tuple[Learning, ...]:
    config, record, count = trained.config, trained.record, len(trained.split.val)
    head = Fit(record.head_curves, config.head.epochs, count, config.head.learning_rate)
    found = [Learning("The head", head, diagnose(head), record.head_epoch)]
    curves = record.fine_tune_curves
    if curves.val_accuracy:
        settings = config.fine_tune
        tuned = Fit(
            curves, settings.epochs, count, settings.learning_rate, "fine_tune.learning_rate", "--fine-tune"
        )
        best = int(np.argmax(curves.val_accuracy)) + 1
        title = "Fine-tuning" if record.fine_tuned else "Fine-tuning (not kept: no gain on validation)"
        found.append(Learning(title, tuned, diagnose(tuned), best if record.fine_tuned else None))
    return tuple(found)


def _errors(audit: Audit | None) -> list[str]:
    errors = [f.message for f in audit.findings if f.severity == "error"] if audit else []
    return [f"correct the data: {errors[0]}"] if errors else []


def _suspects(audit: Audit | None) -> tuple[list[str], bool]:
    """The advice on suspected wrong labels, and whether they are many."""
    found = [f.count for f in audit.findings if f.kind == "suspected_label"] if audit else []
    if not found or audit is None:
        return [], False
    what = f"the {sum(found)} suspected wrong labels" if sum(found) > 1 else "the one suspected wrong label"
    many = sum(found) >= MANY_SUSPECTS * audit.summary.photographs
    return [f"look at {what} in the audit, then train again"], many


def _occlusion_advice(result: OcclusionResult) -> str:
    return (
        f"photograph “{result.label}” on other backgrounds, without what is in the {result.worst} corner, "
        "because the network recognises it by that"
    )


def _float_network(records: RunRecords) -> str:
    found = records.comparison
    if found is None:
        return ""
    accuracy, interval = percent(found.float_accuracy), interval_text(found.float_interval)
    return (
        f"The float network gets {accuracy} ({interval}); int8 says the same on {percent(found.agreement)}."
    )
