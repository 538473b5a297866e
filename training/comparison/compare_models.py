"""Several models on the same split, side by side: what each is worth and what it costs on the device.

Each network becomes an ordinary run (trained, quantized, measured) in a folder of its own, so that `latest`
stays where it is; the classical baseline is fitted beside them. models.json and pareto.svg keep the outcome.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.model.model_file import write_atomically
from training.comparison.baseline import fit_baseline
from training.config import TrainConfig
from training.dataset.load import load_all
from training.dataset.prepare import divide, survey
from training.dataset.split import Split
from training.errors import TrainingError
from training.evaluation.intervals import Interval, macro_f1, wilson
from training.evaluation.record import confusion_counts
from training.progress import Reporter
from training.quantization.acceptance import AcceptanceLimits
from training.quantize import QuantizeOptions, quantize
from training.report.plots import pareto_plot, standalone
from training.runs import INT8_SCORES, SPLIT, Record, Run, earlier_parts
from training.train import train

Float = NDArray[np.float32]

BASELINE = "sift_svm"
# Pixels square; the baseline is meant to be cheap.
BASELINE_SIZE = 128
TABLE, PLOT = "models.json", "pareto.svg"
# A collapse in int8 belongs into the table, so nothing is refused.
ACCEPT_ALL = QuantizeOptions(AcceptanceLimits(max_drop=1.0, min_agreement=0.0))


class ModelRow(Record):
    """One model on the test part, as the device runs it: int8 by its own runtime, on one thread.

    float_accuracy is None for the baseline, which has no second form.
    """

    name: str
    size_px: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    float_accuracy: float | None
    size_bytes: int
    latency_ms: float
    train_seconds: float


class ModelTable(Record):
    """models.json. failed: models that could not be trained or converted, and why."""

    data: str
    count: int
    rows: tuple[ModelRow, ...]
    failed: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Setting:
    base: TrainConfig
    split: Split
    folder: Path
    reporter: Reporter


def compare_models(
    base: TrainConfig, names: Sequence[str], folder: Path, runs_dir: Path, reporter: Reporter
) -> ModelTable:
    """Train and measure each; a model that fails is listed with its reason and the others go on."""
    surveyed, rule = survey(base.data, base.other, base.group_by, reporter), base.split_rule
    divided = divide(surveyed, rule, earlier_parts(runs_dir, base.data, rule))
    setting = _Setting(base, divided, folder, reporter)
    rows: list[ModelRow] = []
    failed: dict[str, str] = {}
    for name in names:
        reporter.note(f"--- {name}")
        try:
            rows.append(_baseline_row(setting) if name == BASELINE else _network_row(setting, name))
        except TrainingError as error:
            failed[name] = str(error)
            reporter.note(f"{name} is left out: {error}")
    table = ModelTable(data=str(base.data), count=len(setting.split.test), rows=tuple(rows), failed=failed)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / TABLE, table.model_dump_json(indent=1).encode() + b"\n")
    if rows:
        points = {f"{row.name} {row.size_px}": (row.latency_ms, row.accuracy) for row in rows}
        best = {f"{row.name} {row.size_px}" for row in rows if row.name in pareto(rows)}
        write_atomically(folder / PLOT, standalone(pareto_plot(points, best)).encode())
    return table


def pareto(rows: Sequence[ModelRow]) -> set[str]:
    """The names of the models that no other beats in accuracy and latency at once."""
    return {
        row.name
        for row in rows
        if not any(
            other.accuracy >= row.accuracy
            and other.latency_ms <= row.latency_ms
            and (other.accuracy, other.latency_ms) != (row.accuracy, row.latency_ms)
            for other in rows
        )
    }


def _network_row(setting: _Setting, name: str) -> ModelRow:
    started = time.monotonic()
    config = setting.base.model_copy(update={"backbone": name})
    run = train(config, setting.folder, name, setting.reporter, divided=setting.split)
    seconds = time.monotonic() - started
    result = quantize(run, ACCEPT_ALL, setting.reporter)
    return ModelRow(
        name=name,
        size_px=config.size,
        accuracy=result.int8_accuracy,
        accuracy_interval=result.int8_interval,
        macro_f1=_macro_f1(_int8_test_scores(run), run.read_record(SPLIT, Split)),
        float_accuracy=result.float_accuracy,
        size_bytes=result.int8_bytes,
        latency_ms=result.int8_latency_ms,
        train_seconds=round(seconds, 1),
    )


def _baseline_row(setting: _Setting) -> ModelRow:
    started = time.monotonic()
    config = setting.base.model_copy(update={"size": BASELINE_SIZE})
    images, targets = {}, {}
    for part in ("train", "val", "test"):
        items = setting.split.part(part)
        with setting.reporter.steps(f"reading the {part} part", len(items)) as step:
            images[part] = load_all([item.path for item in items], config.spec, step)
        targets[part] = np.asarray(setting.split.targets(part), np.int64)
    baseline = fit_baseline(
        images["train"], targets["train"], images["val"], targets["val"], seed=config.seed
    )
    seconds = time.monotonic() - started
    scores = baseline.scores(images["test"])
    right = int((scores.argmax(axis=1) == targets["test"]).sum())
    return ModelRow(
        name=BASELINE,
        size_px=BASELINE_SIZE,
        accuracy=right / len(scores),
        accuracy_interval=wilson(right, len(scores)),
        macro_f1=_macro_f1(scores, setting.split),
        float_accuracy=None,
        size_bytes=baseline.size_bytes,
        latency_ms=baseline.latency_ms(images["test"][0]),
        train_seconds=round(seconds, 1),
    )


def _int8_test_scores(run: Run) -> Float:
    with np.load(io.BytesIO(run.read(INT8_SCORES)), allow_pickle=False) as stored:
        return np.asarray(stored["test"], np.float32)


def _macro_f1(scores: Float, split: Split) -> float:
    return float(macro_f1(confusion_counts(scores, np.asarray(split.targets("test"), np.int64))))
