"""Manifest, labels and self-test around the network: the one file that is shipped."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from edge.interpreter import Network, TensorInfo
from edge.manifest import Accuracy, Manifest, Metrics, Preprocess, Provenance, TensorQuantization
from edge.model_file import ModelFile
from training.compare import Drop
from training.errors import ConversionError
from training.metadata import Description, with_metadata
from training.model import TrainedRun

LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "opencv-python-headless")
NOT_MEASURED = Drop(before=0.0, after=0.0, agreement=0.0, error=0.0, count=0)


def finish_network(trained: TrainedRun, network: bytes) -> bytes:
    """The converted network with its metadata; raises ConversionError where its input is not plain RGB."""
    runner = Network(network)
    found = (str(runner.input.dtype), runner.input.scale, runner.input.zero_point, str(runner.output.dtype))
    if found != ("uint8", 1.0, 0, "uint8"):
        why = f"input {found[0]}, scale {found[1]:g}, zero point {found[2]}, output {found[3]}"
        advice = "calibrate on pictures that span black to white"
        raise ConversionError(
            "the quantized network does not take a picture's bytes as they are", why, advice
        )
    return with_metadata(network, _description(trained))


def draft(trained: TrainedRun, network: bytes, threshold: float) -> ModelFile:
    """A model file in memory for the device's classifier to run, before anything has been measured."""
    manifest = make_manifest(trained, network, threshold, NOT_MEASURED)
    path = trained.run.path("model.tflite")
    return ModelFile(path, network, manifest.model_sha256, manifest.labels, manifest, None, {})


def make_manifest(trained: TrainedRun, network: bytes, threshold: float, drop: Drop) -> Manifest:
    """All that the agent needs to know, and all that it takes to make the model again."""
    runner = Network(network)
    return Manifest(
        name=_name(trained),
        version=trained.run.name,
        model_sha256=hashlib.sha256(network).hexdigest(),
        labels=trained.split.labels,
        preprocess=Preprocess.of(trained.config.spec),
        input=_quantization(runner.input),
        output=_quantization(runner.output),
        threshold=threshold,
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


def _quantization(tensor: TensorInfo) -> TensorQuantization:
    return TensorQuantization(dtype="uint8", scale=tensor.scale, zero_point=tensor.zero_point)


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
        libraries=_library_versions(),
        git_revision=_git_revision(),
    )


def _library_versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git_revision() -> str | None:
    """The revision of this code, None where it is not in a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    answer = subprocess.run(
        [git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return answer.stdout.strip() or None
