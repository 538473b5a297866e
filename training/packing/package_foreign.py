"""A network that was not trained here becomes one of our files, with manifest, labels and self-test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.interpreter import Network
from edge.model.manifest import (
    Accuracy,
    Coding,
    Manifest,
    Metrics,
    Preprocess,
    Provenance,
)
from edge.model.model_file import ModelFile, describe_first_error, read_model, write_model
from edge.preprocess import PreprocessSpec
from training.network.frozen_backbone import versions
from training.packing.pack import LIBRARIES, git_revision, quantization_of
from training.packing.selftest import make_selftest
from training.runs import LATEST, MODEL, Run, point_latest


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a network comes from: the feature network's name where it is known, and its weights."""

    backbone: str
    weights: str


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """A network from elsewhere, as far as it is known.

    coding: None for bytes in and probabilities out. measured: top-1 accuracy and on how many photographs,
    count 0 where nobody measured.
    """

    name: str
    labels: tuple[str, ...]
    spec: PreprocessSpec
    coding: Coding | None
    threshold: float
    origin: Origin
    measured: Accuracy = Accuracy(accuracy=0.0, count=0)  # noqa: RUF009 (frozen)


def package_foreign(network: bytes, foreign: ForeignModel, out: Path) -> ModelFile:
    """Write the model file whole or not at all, and read it again as a device does; raises ModelError."""
    try:
        manifest = _manifest(network, foreign)
    except ValidationError as error:
        what, advice = f"can't make a model file of {foreign.name}", "give another --name, or another network"
        raise ModelError(what, describe_first_error(error), advice) from error
    draft = ModelFile(out, network, manifest.model_sha256, manifest.labels, manifest, None, {})
    selftest, images = make_selftest(Classifier(draft), "synthetic", ())
    out.parent.mkdir(parents=True, exist_ok=True)
    write_model(out, network, manifest, selftest, images)
    model = read_model(out)
    run_selftest(Classifier(model))
    return model


def place(runs_dir: Path, folder: str, out: Path | None) -> Path:
    """Where the file goes: where somebody says, else `model.tflite` in a folder of the runs."""
    return out or runs_dir / folder / MODEL


def point_first_latest(out: Path) -> bool:
    """Make `latest` point to this file's folder if nothing else has been shipped there; whether it did."""
    run = Run(out.parent, out.parent.name)
    latest = out.parent.parent / LATEST
    if out.name != MODEL or latest.is_symlink() or latest.exists():
        return False
    point_latest(run)
    return True


def _manifest(network: bytes, foreign: ForeignModel) -> Manifest:
    runner, created = Network(network), datetime.now(UTC).isoformat(timespec="seconds")
    sha256 = hashlib.sha256(network).hexdigest()
    # there is one network only, so what was measured holds before and after
    agreement = 1.0 if foreign.measured.count else 0.0
    return Manifest(
        name=foreign.name,
        version=sha256[:12],
        model_sha256=sha256,
        labels=foreign.labels,
        preprocess=Preprocess.of(foreign.spec),
        input=quantization_of(runner.input),
        output=quantization_of(runner.output),
        coding=foreign.coding,
        threshold=foreign.threshold,
        metrics=Metrics(float=foreign.measured, int8=foreign.measured, agreement=agreement),
        provenance=Provenance(
            created=created,
            backbone=foreign.origin.backbone,
            weights=foreign.origin.weights,
            seed=0,
            run="",
            dataset_sha256="",
            dataset_counts={},
            libraries=versions(LIBRARIES),
            git_revision=git_revision(),
        ),
    )
