"""The report stage: a run's records → report.html, evaluating it first where that was not done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.errors import RunError
from training.evaluation.evaluate import evaluate
from training.progress import Reporter
from training.report.conclusions import conclude
from training.report.page import report_page
from training.report.paired import Paired, compare_runs
from training.report.pictures import look
from training.report.read import (
    RunRecords,
    find_run_before,
    is_evaluated,
    read_records,
    read_run_answers,
    run_answers,
)
from training.runs import Run
from training.trained_run import TrainedRun, read_trained

REPORT = "report.html"
# The accuracy that is good enough where nobody says another: one mistake in ten.
WANTED = 0.9


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """wanted: the accuracy that is good enough, 0 to 1. against: a run's name, or the last one before."""

    wanted: float = WANTED
    against: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Where the page is, and its verdict, a sentence a line."""

    path: Path
    verdict: tuple[str, ...]


def write_report(run: Run, runs_dir: Path, options: ReportOptions, reporter: Reporter) -> Report:
    """Write report.html into a run's folder; raises RunError where a run can't be read."""
    before = find_run_before(run, runs_dir, options.against)
    trained = read_trained(run)
    if not is_evaluated(run):
        evaluate(run, reporter, trained)
    records = read_records(run, trained.split, reporter)
    compared = _compare_with(trained, records, before, chosen=options.against is not None)
    pictures = look(trained, records.test.scores, records.evaluation.temperature, reporter)
    conclusions = conclude(trained, records, pictures.occlusion, compared, options.wanted)
    page = report_page(trained, records, pictures, conclusions, options.wanted)
    run.write(REPORT, page.encode())
    return Report(run.path(REPORT), conclusions.verdict)


def _compare_with(trained: TrainedRun, records: RunRecords, before: Run | None, chosen: bool) -> str:
    """The comparison in words; a run that was not named and can't be read is no reason to fail."""
    if before is None:
        return "There is no earlier run on these photographs to compare with."
    now = run_answers(trained.run.name, trained.split, records.test)
    try:
        result = compare_runs(now, read_run_answers(before))
    except RunError as error:
        if chosen:
            raise
        return f"Can't be compared with {before.name}: {error.why}."
    return result.text if isinstance(result, Paired) else result
