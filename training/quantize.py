"""The quantization stage: a trained run → measured, gated, packed `model.tflite`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.infer import Classifier
from edge.manifest import Selftest
from edge.model_file import ModelFile, write_model
from training.calibrate import calibration_images
from training.compare import Comparison, Drop, device_scores, gate, latency_ms, paired_drop
from training.convert import to_uint8
from training.evaluate import HeldOutScores, choose_threshold, evaluate, judge
from training.model import TrainedRun, read_trained
from training.pack import draft, finish_network, make_manifest
from training.progress import Reporter
from training.runs import COMPARISON, FLOAT_NETWORK, MODEL, Run, point_latest
from training.selftest import Kind, choose, make_selftest

UNDECIDED = 0.5


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """max_drop: the loss of accuracy that is allowed, 0 to 1. calibration: photographs to calibrate on."""

    max_drop: float = 0.01
    calibration: int = 400
    selftest: Kind = "photos"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A quantized network that has been run on the held-out photographs."""

    model: ModelFile
    scores: HeldOutScores
    drop: Drop
    comparison: Comparison


def quantize(run: Run, options: QuantizeOptions, reporter: Reporter) -> Comparison:
    """Convert, compare on the device's runtime, and pack; `latest` then points here.

    Raises GateError, with no model file written, where int8 lost more than allowed.
    """
    reporter.note(f"quantizing {run.name}")
    trained = read_trained(run)
    float_scores = evaluate(run, reporter, trained)
    sample = calibration_images(trained.split, trained.config.spec, options.calibration, reporter)
    reporter.note(f"converting to int8, calibrated on {len(sample)} pictures")
    network = finish_network(trained, to_uint8(trained.model, sample))
    measured = _measure(trained, network, float_scores, reporter)
    drop = measured.drop
    gate(drop, options.max_drop)
    if drop.size > options.max_drop:
        reporter.note(
            f"int8 lost {drop.size:.3f} on {drop.count} held-out photographs: more than allowed, but too few "
            "photographs to tell that from chance; add some to the test part"
        )
    run.write_record(COMPARISON, measured.comparison)
    manifest = make_manifest(trained, network, measured.comparison.threshold, drop)
    chosen = choose(trained.split.test, measured.scores.test, trained.split.labels)
    selftest, images = make_selftest(Classifier(measured.model), options.selftest, chosen)
    reporter.note(_about(selftest, options.selftest))
    write_model(run.path(MODEL), network, manifest, selftest, images)
    point_latest(run)
    return measured.comparison


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
    trained: TrainedRun, network: bytes, float_scores: HeldOutScores, reporter: Reporter
) -> _Candidate:
    """Run the network as the device would, over the validation and the test part."""
    model = draft(trained, network, UNDECIDED)
    held_out = (*trained.split.val, *trained.split.test)
    rows = device_scores(model, held_out, reporter)
    scores = HeldOutScores(*np.split(rows, [len(trained.split.val)]))
    val = np.asarray(trained.split.targets("val"), np.int64)
    test = np.asarray(trained.split.targets("test"), np.int64)
    drop = paired_drop(float_scores.test, scores.test, test)
    threshold = choose_threshold(scores.val, val)
    result = judge(scores.test, test, threshold)
    float_network = trained.run.read(FLOAT_NETWORK)
    comparison = Comparison(
        float_accuracy=drop.before,
        int8_accuracy=drop.after,
        count=drop.count,
        agreement=drop.agreement,
        drop=drop.size,
        drop_error=drop.error,
        float_latency_ms=latency_ms(float_network),
        int8_latency_ms=latency_ms(network),
        float_bytes=len(float_network),
        int8_bytes=len(network),
        threshold=threshold,
        answered=result.answered,
        accuracy_answered=result.accuracy_answered,
    )
    return _Candidate(model, scores, drop, comparison)
