"""`edge-train report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import RunName, RunsDir

if TYPE_CHECKING:
    from training.runs import Run

WANTED = 0.9

Wanted = Annotated[float, typer.Option(help="The accuracy that is good enough.", min=0.0, max=1.0)]
Against = Annotated[
    str | None,
    typer.Option(help="The run to compare with; the last one before on the same photographs if left out."),
]


def report_command(
    run: RunName = None, against: Against = None, wanted: Wanted = WANTED, runs_dir: RunsDir = Path("runs")
) -> None:
    """Say whether a run is good enough, where it is wrong and what to do next, in one page."""
    from training.runs import find_run

    run_report(find_run(runs_dir, run), runs_dir, wanted, against)


def run_report(run: Run, runs_dir: Path, wanted: float = WANTED, against: str | None = None) -> None:
    """Write a run's report, and say its verdict on the terminal."""
    from training.commands.terminal import Terminal
    from training.report.write import ReportOptions, write_report

    terminal = Terminal()
    report = write_report(run, runs_dir, ReportOptions(wanted, against), terminal)
    for sentence in report.verdict:
        terminal.note(sentence)
    terminal.note(f"report: {report.path}")
