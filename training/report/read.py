"""What the report reads from run folders: scores, the run to compare with, the audit."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.audit.output import AUDIT, PAGE, read_audit
from training.audit.record import Audit
from training.dataset.split import Split
from training.errors import RunError
from training.evaluation.record import EvaluationRecord, read_evaluation
from training.evaluation.unknown import PartScores
from training.progress import Reporter
from training.quantization.comparison import Comparison
from training.report.paired import RunAnswers
from training.runs import (
    COMPARISON,
    CONFIG,
    EVALUATION,
    MODEL,
    SCORES,
    SPLIT,
    TRAINING,
    Run,
    find_run,
    trained_runs,
)


@dataclass(frozen=True, slots=True)
class RunRecords:
    """What the run's later stages left; comparison and audit are None where they did not run."""

    evaluation: EvaluationRecord
    val: PartScores
    test: PartScores
    comparison: Comparison | None
    audit: Audit | None
    audit_page: str | None


def is_evaluated(run: Run) -> bool:
    """Whether the run has what `evaluate` writes."""
    return run.path(EVALUATION).is_file() and run.path(SCORES).is_file()


def read_records(run: Run, split: Split, reporter: Reporter) -> RunRecords:
    """Everything beside the training; raises RunError where a file is damaged or of another version.

    An audit that can't be read is told and left out.
    """
    val, test = read_scores(run, split)
    comparison = run.read_record(COMPARISON, Comparison) if run.path(MODEL).is_file() else None
    page = PAGE if run.path(PAGE).is_file() else None
    return RunRecords(read_evaluation(run), val, test, comparison, _read_audit(run, reporter), page)


def _read_audit(run: Run, reporter: Reporter) -> Audit | None:
    if not run.path(AUDIT).is_file():
        return None
    try:
        return read_audit(run.folder)
    except RunError as error:
        reporter.note(str(error))
        return None


def read_scores(run: Run, split: Split) -> tuple[PartScores, PartScores]:
    """What the float network said of val and test, in the split's order; raises RunError."""
    advice = f"make it again with `edge-train evaluate --run {run.name}`"
    try:
        with np.load(io.BytesIO(run.read(SCORES)), allow_pickle=False) as stored:
            val, test = (PartScores(stored[part], stored[f"{part}_familiarity"]) for part in ("val", "test"))
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise RunError(f"can't use the run {run.name}", f"{SCORES}: {error}", advice) from error
    for part, scores in (("val", val.scores), ("test", test.scores)):
        wanted = (len(split.val if part == "val" else split.test), len(split.labels))
        if scores.shape != wanted:
            why = f"{SCORES} has {scores.shape} scores of {part}, where the split has {wanted}"
            raise RunError(f"can't use the run {run.name}", why, advice)
    return val, test


def run_answers(name: str, split: Split, test: PartScores) -> RunAnswers:
    """Each test photograph's label, and whether the network was right."""
    right = test.scores.argmax(axis=1) == np.asarray(split.targets("test"))
    items = {item.sha256: (item.label, bool(hit)) for item, hit in zip(split.test, right, strict=True)}
    return RunAnswers(name, split.labels, items)


def read_run_answers(run: Run) -> RunAnswers:
    """The same of another run; raises RunError."""
    split = run.read_record(SPLIT, Split)
    return run_answers(run.name, split, read_scores(run, split)[1])


def find_run_before(run: Run, runs_dir: Path, against: str | None) -> Run | None:
    """The run to compare with: the one named, or the newest trained before it on the same folder.

    None where there is none. Raises RunError where there is no run of that name, or it has no scores.
    """
    if against:
        other = find_run(runs_dir, against)
        if not other.path(SCORES).is_file():
            advice = f"evaluate it first: edge-train evaluate --run {other.name}"
            raise RunError(f"can't compare with the run {other.name}", f"it has no {SCORES}", advice)
        return other
    data, created = _folder_and_time(run)
    found = []
    for other in trained_runs(runs_dir):
        if not other.path(SCORES).is_file():
            continue
        its_data, its_time = _folder_and_time(other)
        if its_data == data and its_time < created and other.name != run.name:
            found.append((its_time, other.name, other))
    return max(found)[2] if found else None


def _folder_and_time(run: Run) -> tuple[Path | None, str]:
    """The data folder and the time of training; nothing where the run can't be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        config = json.loads(run.path(CONFIG).read_bytes())
        training = json.loads(run.path(TRAINING).read_bytes())
        return Path(config["data"]).resolve(), str(training["created"])
    return None, ""
