"""The quantization stage: a trained run → measured, gated, packed `model.tflite`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.infer import Classifier
from edge.manifest import Selftest
from edge.model_file import ModelFile, write_model
from training.calibrate import calibration_images
from training.compare import Comparison, Drop, device_scores, gate, latency_ms, paired_drop
from training.convert import to_float, to_uint8
from training.correction import corrected
from training.evaluate import Evaluated, evaluate, scores_bytes
from training.evaluation import Evaluation, StrangerResult, judge
from training.familiarity import NO_LIMIT
from training.held_out import find_strangers
from training.intervals import wilson
from training.model import TrainedRun, read_trained, shipped_network
from training.pack import Chosen, described, draft, finish_network, make_manifest
from training.progress import Reporter, Silent
from training.runs import COMPARISON, FLOAT_NETWORK, INT8_SCORES, MODEL, Run, point_latest
from training.selftest import Kind, choose, make_selftest
from training.strangers import measure_strangers
from training.temperature import calibrated
from training.thresholds import choose_thresholds
from training.unknown import PartScores, UnknownRule


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """max_drop: the loss of accuracy that is allowed, 0 to 1. calibration: photographs to calibrate on.

    target_precision: of the answers, 0 to 1; None takes the last evaluation's.
    """

    max_drop: float = 0.01
    calibration: int = 400
    selftest: Kind = "photos"
    target_precision: float | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A quantized network that has been run on the held-out photographs."""

    model: ModelFile
    val: PartScores
    test: PartScores
    chosen: Chosen
    strangers: StrangerResult | None


def quantize(run: Run, options: QuantizeOptions, reporter: Reporter) -> Comparison:
    """Convert, compare on the device's runtime, and pack; `latest` then points here.

    Raises GateError, with no model file written, where int8 lost more than allowed.
    """
    reporter.note(f"quantizing {run.name}")
    trained = read_trained(run)
    evaluated = evaluate(run, reporter, trained, options.target_precision)
    float_network, network = _convert(trained, evaluated.record, options, reporter)
    found = _measure(trained, network, evaluated, reporter)
    run.write(INT8_SCORES, scores_bytes(found.val, found.test))
    targets = np.asarray(trained.split.targets("test"), np.int64)
    drop = paired_drop(evaluated.test.scores, found.test.scores, targets)
    gate(drop, options.max_drop)
    if drop.size > options.max_drop:
        reporter.note(
            f"int8 lost {drop.size:.3f} on {drop.count} held-out photographs: more than allowed, but too few "
            "photographs to tell that from chance; add some to the test part"
        )
    comparison = _compare(trained, (float_network, network), drop, found)
    run.write_record(COMPARISON, comparison)
    _pack(trained, network, found, drop, options, reporter)
    point_latest(run)
    return comparison


def _convert(
    trained: TrainedRun, evaluation: Evaluation, options: QuantizeOptions, reporter: Reporter
) -> tuple[bytes, bytes]:
    """The calibrated network as float, which is kept in the run, and as int8."""
    sample = calibration_images(trained.split, trained.config.spec, options.calibration, reporter)
    reporter.note(f"converting to int8, calibrated on {len(sample)} pictures")
    head = calibrated(trained.head, evaluation.temperature)
    keras_network = shipped_network(trained.trunk, head, evaluation.least_length)
    float_network = described(trained, to_float(keras_network))
    trained.run.write(FLOAT_NETWORK, float_network)
    network = corrected(to_uint8(keras_network, sample), float_network, sample)
    return float_network, finish_network(trained, network)


def _pack(
    trained: TrainedRun,
    network: bytes,
    found: _Candidate,
    drop: Drop,
    options: QuantizeOptions,
    reporter: Reporter,
) -> None:
    manifest = make_manifest(trained, network, found.chosen, drop)
    chosen = choose(trained.split.test, found.test.scores, trained.split.labels)
    selftest, images = make_selftest(Classifier(found.model), options.selftest, chosen)
    reporter.note(_about(selftest, options.selftest))
    write_model(trained.run.path(MODEL), network, manifest, selftest, images)


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


def _measure(trained: TrainedRun, network: bytes, evaluated: Evaluated, reporter: Reporter) -> _Candidate:
    """Run the network as the device would, over the validation part, the test part and the strangers."""
    model = draft(trained, network, evaluated.record)
    strangers = find_strangers(trained.config, Silent())
    rows = device_scores(model, (*trained.split.val, *trained.split.test, *strangers), reporter)
    ends = np.cumsum([len(trained.split.val), len(trained.split.test)])
    parts = zip(np.split(rows.scores, ends), np.split(rows.familiarity, ends), strict=True)
    val, test, unknown = (PartScores(*part) for part in parts)
    chosen = _choose(trained, evaluated, val)
    found = measure_strangers(val, test, unknown, chosen.rule) if strangers else None
    return _Candidate(model, val, test, chosen, found)


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


def _compare(trained: TrainedRun, networks: tuple[bytes, bytes], drop: Drop, found: _Candidate) -> Comparison:
    targets = np.asarray(trained.split.targets("test"), np.int64)
    rule, test = found.chosen.rule, found.test
    result = judge(test, targets, rule, test.scores, trained.split.labels)
    float_network, network = networks
    return Comparison(
        float_accuracy=drop.before,
        float_interval=wilson(round(drop.before * drop.count), drop.count),
        int8_accuracy=drop.after,
        int8_interval=result.accuracy_interval,
        count=drop.count,
        agreement=drop.agreement,
        drop=drop.size,
        drop_error=drop.error,
        float_latency_ms=latency_ms(float_network),
        int8_latency_ms=latency_ms(network),
        float_bytes=len(float_network),
        int8_bytes=len(network),
        threshold=rule.thresholds.common,
        class_thresholds=rule.thresholds.by_label(trained.split.labels),
        familiarity_threshold=rule.familiarity,
        answered=result.answered,
        accuracy_answered=result.accuracy_answered,
        accuracy_answered_interval=result.accuracy_answered_interval,
        calibration_error=result.calibration_error,
        strangers=found.strangers,
    )
