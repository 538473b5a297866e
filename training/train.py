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

from training.audit.examine import audit_scan, with_suspects
from training.audit.output import PAGE, write_audit
from training.audit.record import Audit, refuse_findings
from training.cache import Cache, opened_cache
from training.config import TrainConfig
from training.dataset.prepare import Survey, divide, survey
from training.dataset.scan import PARTS
from training.dataset.split import Split
from training.features.extract import Features, extract, photograph_features, to_bytes
from training.fit.devices import prepare_devices
from training.fit.finetune import FineTuned, fine_tune, with_scratch_settings
from training.fit.trained_network import TrainingRecord, head_bytes
from training.head.softmax_head import FittedHead, HeadData, fit_head
from training.network.frozen_backbone import FrozenBackbone, convert_backbone, has_weights
from training.progress import Reporter, Silent
from training.runs import (
    CONFIG,
    FEATURES,
    HEAD,
    SPLIT,
    TRAINING,
    WEIGHTS,
    Run,
    earlier_parts,
    new_run,
    resumed_run,
)


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


def train(
    config: TrainConfig,
    runs_dir: Path,
    name: str,
    reporter: Reporter,
    *,
    strict: bool = False,
    divided: Split | None = None,
) -> Run:
    """Audit the photographs and train a network on them, in the parts of `divided` where that is given.

    Raises a TrainingError, AuditError among them where `strict` and something was found, or OSError where
    the disk is full. Leaves no half run, but an unfinished one for `resume` where fine-tuning was under way.
    """
    config = with_scratch_settings(config)
    watch = Stopwatch()
    with new_run(runs_dir, name) as run:
        with watch.timing("audit"):
            surveyed = survey(config, reporter)
            divided = divided or divide(surveyed, config, earlier_parts(runs_dir, config))
            audit = audit_scan(surveyed, divided, config.data, config.size)
        _announce(surveyed, divided, audit, reporter)
        if strict:
            refuse_findings(audit)
        run.write_record(CONFIG, config)
        run.write_record(SPLIT, divided)
        _fill(run, config, divided, watch, reporter, _Audited(surveyed, audit))
    return Run(runs_dir / name, name)


def resume(runs_dir: Path, name: str | None, reporter: Reporter) -> Run:
    """Go on with the unfinished run of that name, or the newest, by its own settings; raises RunError."""
    with resumed_run(runs_dir, name) as run:
        config, divided = run.read_record(CONFIG, TrainConfig), run.read_record(SPLIT, Split)
        reporter.note(f"going on with {run.name}")
        _fill(run, config, divided, Stopwatch(), reporter, None)
    return Run(runs_dir / run.name, run.name)


def _announce(surveyed: Survey, divided: Split, audit: Audit, reporter: Reporter) -> None:
    for notice in (*surveyed.found.notices, *divided.notices):
        reporter.note(notice)
    for finding in surveyed.found.findings:
        reporter.note(f"skipped {finding.name or finding.path}: {finding.why}")
    for item in divided.left_out:
        reporter.note(f"left out {item.path}: it resembles photographs of different parts")
    counts = {part: divided.counts(part) for part in PARTS}
    rows = [(label, *(str(counts[part][label]) for part in PARTS)) for label in divided.labels]
    reporter.table("photographs", ("class", *PARTS), rows)
    if audit.findings:
        reporter.table("audit", ("finding", "severity", "files"), audit.rows)


@dataclass(frozen=True, slots=True)
class _Audited:
    """What the audit has seen so far; wrong labels are looked for when there are features."""

    surveyed: Survey
    audit: Audit


def _completed(
    audited: _Audited, backbone: FrozenBackbone, config: TrainConfig, cache: Cache, reporter: Reporter
) -> Audit:
    """The audit with suspected labels, where the backbone's features can say anything of them."""
    if not has_weights(config):
        return audited.audit
    photographs = audited.surveyed.found.photographs
    rows = photograph_features(backbone, photographs, config, cache, Silent())
    audit = with_suspects(audited.audit, audited.surveyed, rows)
    suspects = sum(finding.count for finding in audit.findings if finding.kind == "suspected_label")
    if suspects:
        reporter.note(f"labels that look wrong: {suspects}, see {PAGE} in the run")
    return audit


def _fill(
    run: Run,
    config: TrainConfig,
    divided: Split,
    watch: Stopwatch,
    reporter: Reporter,
    audited: _Audited | None,
) -> None:
    if config.fine_tune.epochs:
        prepare_devices(config.fine_tune.devices)
    with opened_cache(reporter) as cache:
        with watch.timing("backbone"):
            backbone = convert_backbone(config, cache, reporter)
        with watch.timing("features"):
            features = extract(backbone, divided, config, cache, reporter)
        if audited is not None:
            with watch.timing("labels"):
                write_audit(_completed(audited, backbone, config, cache, reporter), run.folder)
    run.write(FEATURES, to_bytes(features))
    with watch.timing("head"):
        fitted, accuracy = _fit(features, divided, config, reporter)
    reporter.note(f"validation accuracy {accuracy:.3f} with the head of epoch {fitted.best_epoch}")
    with watch.timing("fine-tuning"):
        tuned = fine_tune(run, backbone, fitted.head, divided, config, reporter)
    run.write(HEAD, head_bytes(tuned.head))
    run.write(WEIGHTS, tuned.weights)
    run.write_record(TRAINING, _record(backbone, fitted, accuracy, tuned, watch))


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
    fitted = fit_head(data, config.head, config.seed, reporter)
    return fitted, fitted.curves.val_accuracy[fitted.best_epoch - 1]


def _record(
    backbone: FrozenBackbone, fitted: FittedHead, accuracy: float, tuned: FineTuned, watch: Stopwatch
) -> TrainingRecord:
    return TrainingRecord(
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        weights_source=backbone.source,
        head_epoch=fitted.best_epoch,
        head_curves=fitted.curves,
        val_accuracy=tuned.accuracy if tuned.kept else accuracy,
        fine_tuned=tuned.kept,
        fine_tune_curves=tuned.curves,
        interrupted=fitted.interrupted or tuned.interrupted,
        seconds=watch.seconds,
    )
