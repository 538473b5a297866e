"""The quantization stage: a trained run → measured, gated, packed `model.tflite`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.infer.classifier import Classifier
from edge.model.manifest import Quantization, Selftest
from edge.model.model_file import ModelFile, write_model
from training.dataset.scan import Photograph
from training.errors import GateError
from training.evaluation.evaluate import Evaluated, evaluate, scores_bytes
from training.evaluation.held_out import find_strangers
from training.evaluation.intervals import wilson
from training.evaluation.out_of_distribution import measure_strangers
from training.evaluation.record import Evaluation, StrangerResult, judge
from training.evaluation.thresholds import choose_thresholds
from training.evaluation.unknown import PartScores, UnknownRule
from training.features.familiarity import NO_LIMIT
from training.fit.trained_network import TrainedRun, read_trained, shipped_network
from training.head.temperature import calibrated
from training.network.convert import to_float
from training.packing.pack import Chosen, described, draft, finish_network, make_manifest
from training.packing.selftest import Kind, choose, make_selftest
from training.progress import Reporter, Silent
from training.quantization.acceptance import USUAL_LIMITS, Limits, doubt, refusal
from training.quantization.candidates import Candidate, Ladder
from training.quantization.comparison import (
    Attempt,
    Comparison,
    Drop,
    class_changes,
    device_scores,
    latency_ms,
    paired_drop,
)
from training.quantization.recipe import Quantizer, Subject
from training.quantization.registry import DEFAULT_QUANTIZER, find_quantizer
from training.runs import COMPARISON, FLOAT_NETWORK, INT8_SCORES, MODEL, Run, point_latest


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What may ship, and how it is made.

    calibration: photographs to calibrate on. target_precision: of the answers, 0 to 1; None takes the last
    evaluation's. fallback: try more exact and slower ways where int8 does not pass the gate.
    """

    limits: Limits = USUAL_LIMITS
    calibration: int = 400
    selftest: Kind = "photos"
    target_precision: float | None = None
    quantizer: str = DEFAULT_QUANTIZER
    fallback: bool = True


@dataclass(frozen=True, slots=True)
class _Measured:
    """A quantized network that has been run on the held-out photographs."""

    candidate: Candidate
    network: bytes
    model: ModelFile
    val: PartScores
    test: PartScores
    chosen: Chosen
    strangers: StrangerResult | None
    drop: Drop


@dataclass(frozen=True, slots=True)
class _Tried:
    """The quantizer with its version, and all that was tried."""

    quantizer: str
    attempts: tuple[Attempt, ...]


def quantize(run: Run, options: QuantizeOptions, reporter: Reporter) -> Comparison:
    """Convert, compare on the device's runtime, and pack; `latest` then points here.

    Raises GateError, with no model file written, where no way of quantizing keeps what is asked for.
    """
    reporter.note(f"quantizing {run.name}")
    quantizer = find_quantizer(options.quantizer)
    trained = read_trained(run)
    evaluated = evaluate(run, reporter, trained, options.target_precision)
    subject = _subject(trained, evaluated.record)
    ladder = Ladder(subject, quantizer, trained, options.calibration, reporter)
    found, attempts = _climb(ladder, evaluated, options, reporter)
    run.write(INT8_SCORES, scores_bytes(found.val, found.test))
    notice = doubt(found.drop, options.limits)
    if notice:
        reporter.note(notice)
    tried = _Tried(quantizer.version(), attempts)
    comparison = _compare(trained, subject, evaluated, found, tried)
    run.write_record(COMPARISON, comparison)
    _pack(trained, found, quantizer, options, reporter)
    point_latest(run)
    return comparison


def _subject(trained: TrainedRun, evaluation: Evaluation) -> Subject:
    """The calibrated network as it ships, and as a float file, which is kept in the run."""
    head = calibrated(trained.head, evaluation.temperature)
    model = shipped_network(trained.backbone, head, evaluation.least_length)
    network = to_float(model)
    trained.run.write(FLOAT_NETWORK, described(trained, network))
    return Subject(model, network)


def _climb(
    ladder: Ladder, evaluated: Evaluated, options: QuantizeOptions, reporter: Reporter
) -> tuple[_Measured, tuple[Attempt, ...]]:
    """The first network that may ship, and all that was tried; raises GateError where none may."""
    attempts: list[Attempt] = []
    strangers = find_strangers(ladder.trained.config, Silent())
    for candidate in ladder.candidates():
        found = _measure(ladder.trained, candidate, evaluated, strangers, reporter)
        refused = refusal(found.drop, options.limits)
        attempts.append(_attempt(found, refused))
        if refused is None:
            if len(attempts) > 1:
                reporter.note(f"what helped: {candidate.about}")
            return found, tuple(attempts)
        reporter.note(f"{candidate.about}: {refused}")
        if not options.fallback:
            break
    best = min(attempts, key=lambda attempt: attempt.drop)
    advice = "see what `edge-train audit` says, take another backbone, or allow more with --max-drop"
    raise GateError(
        "the quantized network lost too much",
        f"{best.about}: {best.refused}; tried: {len(attempts)} ways",
        advice,
    )


def _attempt(found: _Measured, refused: str | None) -> Attempt:
    drop = found.drop
    return Attempt(
        about=found.candidate.about,
        precision=found.candidate.precision,
        accuracy=drop.after,
        agreement=drop.agreement,
        drop=drop.size,
        drop_error=drop.error,
        size_bytes=len(found.network),
        refused=refused,
    )


def _pack(
    trained: TrainedRun,
    found: _Measured,
    quantizer: Quantizer,
    options: QuantizeOptions,
    reporter: Reporter,
) -> None:
    how = Quantization(
        precision=found.candidate.precision,
        quantizer=quantizer.version(),
        in_float=len(found.candidate.in_float),
    )
    manifest = make_manifest(trained, found.network, found.chosen, found.drop, how)
    chosen = choose(trained.split.test, found.test.scores, trained.split.labels)
    selftest, images = make_selftest(Classifier(found.model), options.selftest, chosen)
    reporter.note(_about(selftest, options.selftest))
    write_model(trained.run.path(MODEL), found.network, manifest, selftest, images)


def _about(selftest: Selftest | None, kind: Kind) -> str:
    if selftest is None:
        return "the model file carries no self-test" + (
            "" if kind == "none" else ": the network is not sure enough of any held-out picture"
        )
    pictures = len(selftest.vectors)
    if kind == "photos":
        return (
            f"the model file carries {pictures} of your photographs as its self-test; "
            "--selftest synthetic leaves them out"
        )
    return f"the model file carries {pictures} made-up pictures as its self-test"


def _measure(
    trained: TrainedRun,
    candidate: Candidate,
    evaluated: Evaluated,
    strangers: Sequence[Photograph],
    reporter: Reporter,
) -> _Measured:
    """Run the network as the device would, over the validation part, the test part and the strangers."""
    network = finish_network(trained, candidate.network)
    model = draft(trained, network, evaluated.record)
    rows = device_scores(model, (*trained.split.val, *trained.split.test, *strangers), reporter)
    ends = np.cumsum([len(trained.split.val), len(trained.split.test)])
    parts = zip(np.split(rows.scores, ends), np.split(rows.familiarity, ends), strict=True)
    val, test, unknown = (PartScores(*part) for part in parts)
    chosen = _choose(trained, evaluated, val)
    accepted = measure_strangers(val, test, unknown, chosen.rule) if strangers else None
    targets = np.asarray(trained.split.targets("test"), np.int64)
    drop = paired_drop(evaluated.test.scores, test.scores, targets)
    return _Measured(candidate, network, model, val, test, chosen, accepted, drop)


def _choose(trained: TrainedRun, evaluated: Evaluated, val: PartScores) -> Chosen:
    """The unknown rule for the int8 network, from what it says of the validation part.

    The familiarity limit is the float network's, from more pictures, moved by int8's shift of familiarity.
    """
    targets = np.asarray(trained.split.targets("val"), np.int64)
    shift = float(np.median(val.familiarity - evaluated.val.familiarity))
    limit, typical = evaluated.record.familiarity_threshold, evaluated.record.familiarity_typical
    moved = limit if limit == NO_LIMIT else float(np.clip(limit + shift, -1, 1))
    kept = val.familiarity >= moved
    thresholds = choose_thresholds(val.scores, targets, evaluated.record.target_precision, kept)
    return Chosen(UnknownRule(thresholds, moved), float(np.clip(typical + shift, -1, 1)), evaluated.record)


def _compare(
    trained: TrainedRun, subject: Subject, evaluated: Evaluated, found: _Measured, tried: _Tried
) -> Comparison:
    targets = np.asarray(trained.split.targets("test"), np.int64)
    rule, test, drop, labels = found.chosen.rule, found.test, found.drop, trained.split.labels
    result = judge(test, targets, rule, test.scores, labels)
    return Comparison(
        precision=found.candidate.precision,
        quantizer=tried.quantizer,
        attempts=tried.attempts,
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
        float_latency_ms=latency_ms(subject.network),
        int8_latency_ms=latency_ms(found.network),
        float_bytes=len(subject.network),
        int8_bytes=len(found.network),
        threshold=rule.thresholds.common,
        class_thresholds=rule.thresholds.by_label(labels),
        familiarity_threshold=rule.familiarity,
        answered=result.answered,
        accuracy_answered=result.accuracy_answered,
        accuracy_answered_interval=result.accuracy_answered_interval,
        float_calibration_error=evaluated.record.test.calibration_error,
        calibration_error=result.calibration_error,
        strangers=found.strangers,
    )
