"""The training stage: photographs → a run folder with split, features and a trained float network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from training.backbones import find_backbone
from training.config import TrainConfig
from training.convert import to_float
from training.errors import RunError
from training.features import Features, extract, to_bytes
from training.finetune import FineTuned, fine_tune
from training.head import FittedHead, HeadData, HeadSettings, fit_head
from training.model import TrainingRecord, attach_head, weights_bytes
from training.progress import Reporter
from training.runs import CONFIG, FEATURES, SPLIT, TRAINING, WEIGHTS, Run, new_run
from training.scan import PARTS, Scan, scan
from training.split import Split, split
from training.weights import LoadedTrunk, load_trunk


@dataclass(slots=True)
class Stopwatch:
    """Seconds by piece of work."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Time a block."""
        started = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - started, 2)


def train(config: TrainConfig, runs_dir: Path, name: str, reporter: Reporter) -> Run:
    """Train a network; raises a TrainingError, or OSError where the disk is full. Leaves no half run."""
    find_backbone(config.backbone)
    if (runs_dir / name).exists():
        raise RunError(f"there is a run {name} already", "runs are never overwritten", "take another --name")
    watch = Stopwatch()
    with watch.timing("scan"):
        found = scan(config.data, reporter)
        divided = split(found, seed=config.seed, val_share=config.val_share, test_share=config.test_share)
    _announce(found, divided, reporter)
    with new_run(runs_dir, name) as run:
        _fill(run, config, divided, watch, reporter)
    return Run(runs_dir / name, name)


def _announce(found: Scan, divided: Split, reporter: Reporter) -> None:
    for notice in found.notices:
        reporter.note(notice)
    for finding in found.findings:
        reporter.note(f"skipped {finding.path}: {finding.why}")
    counts = {part: divided.counts(part) for part in PARTS}
    rows = [(label, *(str(counts[part][label]) for part in PARTS)) for label in divided.labels]
    reporter.table("photographs", ("class", *PARTS), rows)


def _fill(run: Run, config: TrainConfig, divided: Split, watch: Stopwatch, reporter: Reporter) -> None:
    run.write_record(CONFIG, config)
    run.write_record(SPLIT, divided)
    with watch.timing("backbone"):
        reporter.note(f"loading {config.backbone} at {config.size} px")
        trunk = load_trunk(config.backbone, config.size, config.weights, config.seed)
        network = to_float(trunk.model)
    with watch.timing("features"):
        features = extract(network, divided, config, reporter)
    run.write(FEATURES, to_bytes(features))
    with watch.timing("head"):
        fitted, accuracy = _fit(features, divided, config, reporter)
    model = attach_head(trunk.model, fitted.head, config.dropout)
    reporter.note(f"validation accuracy {accuracy:.3f} after {fitted.epochs} epochs on frozen features")
    with watch.timing("fine-tuning"):
        tuned = fine_tune(model, divided, config, reporter)
    run.write(WEIGHTS, weights_bytes(model))
    run.write_record(TRAINING, _record(trunk, fitted, accuracy, tuned, watch))


def _fit(
    features: Features, divided: Split, config: TrainConfig, reporter: Reporter
) -> tuple[FittedHead, float]:
    """The head, and its accuracy on the validation part."""
    targets: dict[str, Any] = {part: np.asarray(divided.targets(part), np.int64) for part in PARTS}
    data = HeadData(
        train=np.concatenate((features.train, features.views)),
        train_labels=np.tile(targets["train"], 1 + config.augmented_views),
        val=features.val,
        val_labels=targets["val"],
        label_count=len(divided.labels),
    )
    settings = HeadSettings(config.epochs, config.batch, config.learning_rate, config.dropout, config.seed)
    fitted = fit_head(data, settings, reporter)
    right = fitted.head.scores(features.val).argmax(axis=1) == targets["val"]
    return fitted, float(right.mean())


def _record(
    trunk: LoadedTrunk, fitted: FittedHead, accuracy: float, tuned: FineTuned, watch: Stopwatch
) -> TrainingRecord:
    return TrainingRecord(
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        weights_source=trunk.source,
        head_epochs=fitted.epochs,
        val_accuracy=tuned.accuracy if tuned.kept else accuracy,
        fine_tuned=tuned.kept,
        fine_tune_val_accuracies=tuned.val_accuracies,
        seconds=watch.seconds,
    )
