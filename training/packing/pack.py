"""Manifest, labels and self-test around the network: the one file that is shipped."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edge.infer.classifier import Classifier
from edge.model.interpreter import Network, TensorInfo
from edge.model.manifest import (
    Accuracy,
    CalibrationError,
    Familiarity,
    Manifest,
    Metrics,
    Preprocess,
    Provenance,
    Quantization,
    TensorQuantization,
)
from edge.model.model_file import ModelFile, write_model
from training.errors import ConversionError
from training.evaluation.record import EvaluationRecord
from training.evaluation.thresholds import Thresholds
from training.evaluation.unknown import UnknownRule
from training.features.familiarity import NO_LIMIT
from training.network.frozen_backbone import versions
from training.packing.metadata import FAMILIARITY_OUTPUT, Description, with_metadata
from training.packing.selftest import SelftestKind, choose_pictures, describe_selftest, make_selftest
from training.progress import Reporter
from training.quantization.candidates import quantizer_version
from training.quantization.comparison import Drop
from training.quantization.measure import Measured, ShippedRule
from training.runs import MODEL
from training.trained_run import TrainedRun

LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "opencv-python-headless")
NOT_MEASURED = Drop(before=0.0, after=0.0, agreement=0.0, error=0.0, count=0)


NO_RULE = ShippedRule(UnknownRule(Thresholds(0.5, {}), NO_LIMIT), 0.0)


def pack_model(
    trained: TrainedRun,
    found: Measured,
    evaluation: EvaluationRecord,
    kind: SelftestKind,
    reporter: Reporter,
) -> None:
    """Write the run's model file: the measured network, its manifest and its self-test."""
    how = Quantization(
        precision=found.candidate.precision,
        quantizer=quantizer_version(),
        in_float=len(found.candidate.in_float),
    )
    network = found.model.network
    manifest = make_manifest(trained, network, found.shipped, evaluation, found.drop, how)
    chosen = choose_pictures(trained.split.test, found.test.scores, trained.split.labels)
    selftest, images = make_selftest(Classifier(found.model), kind, chosen)
    reporter.note(describe_selftest(selftest, kind))
    write_model(trained.run.path(MODEL), network, manifest, selftest, images)


def finish_network(trained: TrainedRun, network: bytes) -> bytes:
    """The converted network with its metadata; raises ConversionError where its input is not plain RGB."""
    check_takes_bytes(network)
    return describe_network(trained, network)


def check_takes_bytes(network: bytes) -> None:
    """Raise ConversionError where a network does not take a picture's bytes as they are."""
    runner = Network(network)
    entry = runner.input
    # one that casts its input itself has no scale, which reads as 0
    if entry.dtype != np.uint8 or entry.scale not in (0.0, 1.0) or entry.zero_point != 0:
        why = f"input {entry.dtype}, scale {entry.scale:g}, zero point {entry.zero_point}"
        advice = "calibrate on pictures that span black to white"
        raise ConversionError(
            "the quantized network does not take a picture's bytes as they are", why, advice
        )


def describe_network(trained: TrainedRun, network: bytes) -> bytes:
    """The converted network, scores before familiarity, with its metadata."""
    return with_metadata(network, _description(trained))


def draft(trained: TrainedRun, network: bytes, evaluation: EvaluationRecord) -> ModelFile:
    """A model file in memory for the device's classifier to run, before anything has been measured."""
    manifest = make_manifest(trained, network, NO_RULE, evaluation, NOT_MEASURED)
    path = trained.run.path(MODEL)
    return ModelFile(path, network, manifest.model_sha256, manifest.labels, manifest, None, {})


def make_manifest(
    trained: TrainedRun,
    network: bytes,
    shipped: ShippedRule,
    evaluation: EvaluationRecord,
    drop: Drop,
    how: Quantization | None = None,
) -> Manifest:
    """All that the agent needs to know, and all that it takes to make the model again."""
    runner = Network(network)
    rule, test = shipped.rule, evaluation.test
    return Manifest(
        name=_name(trained),
        version=trained.run.name,
        model_sha256=hashlib.sha256(network).hexdigest(),
        labels=trained.split.labels,
        preprocess=Preprocess.of(trained.config.spec),
        input=quantization_of(runner.input),
        output=quantization_of(runner.output),
        quantization=how,
        threshold=rule.thresholds.common,
        class_thresholds=rule.thresholds.by_label(trained.split.labels),
        familiarity=Familiarity(
            output=FAMILIARITY_OUTPUT, threshold=rule.familiarity, typical=shipped.typical
        ),
        unknown_rule="threshold+familiarity",
        temperature=evaluation.temperature,
        calibration_error=CalibrationError(
            before=test.calibration_error_before, after=test.calibration_error
        ),
        metrics=Metrics(
            float=Accuracy(accuracy=drop.before, count=drop.count),
            int8=Accuracy(accuracy=drop.after, count=drop.count),
            agreement=drop.agreement,
        ),
        provenance=_provenance(trained),
    )


def _name(trained: TrainedRun) -> str:
    return trained.config.data.resolve().name or trained.config.backbone


def _description(trained: TrainedRun) -> Description:
    config = trained.config
    summary = f"Image classifier on {config.backbone}: {', '.join(trained.split.labels)}"
    return Description(_name(trained), trained.run.name, summary[:1000], config.size, config.size)


def quantization_of(tensor: TensorInfo) -> TensorQuantization:
    """The record of a tensor's coding; raises pydantic's ValidationError for a type that has none."""
    record = {"dtype": tensor.dtype.name, "scale": tensor.scale, "zero_point": tensor.zero_point}
    return TensorQuantization.model_validate(record)


def _provenance(trained: TrainedRun) -> Provenance:
    split = trained.split
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backbone=trained.config.backbone,
        weights=trained.record.weights_source,
        seed=trained.config.seed,
        run=trained.run.name,
        dataset_sha256=split.fingerprint(),
        dataset_counts={"train": len(split.train), "val": len(split.val), "test": len(split.test)},
        libraries=versions(LIBRARIES),
        git_revision=git_revision(),
    )


def git_revision() -> str | None:
    """The revision of this code, None where it is not in a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    answer = subprocess.run(
        [git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return answer.stdout.strip() or None
