"""The table of the agent against the others: what is counted, and what it says."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from benchmarks.measurements.rivals import COLUMNS, Record, _rows
from benchmarks.others.tally import WARM_UP_FRAMES, Tally, Task, peak_mb
from benchmarks.programs.contenders import Contender, Figures
from benchmarks.programs.packages_size import installed_mb

HERE = Path(sys.prefix)


def record(name: str, *, obstacle: str = "", **figures: float) -> Record:
    """A program with one round, equal to any other but for the figures that are given."""
    program = Contender(name, "none", lambda folder: folder, ("numpy",), 1)
    alike = {"fps": 10.0, "cpu_ms": 10.0, "p95_ms": 10.0, "peak_mb": 10.0, "first_label_s": 1.0}
    return Record(program, [] if obstacle else [Figures(**alike | figures)], obstacle)


def test_a_row_names_where_the_agent_is_behind() -> None:
    faster = record("faster", fps=20.0, peak_mb=5.0)
    slower = record("slower", fps=5.0, cpu_ms=20.0)
    _, row_of_faster, row_of_slower = _rows([record("ours"), faster, slower])
    assert row_of_faster[COLUMNS.index("fps")] == "20.0 (0.500: 0.500 to 0.500)"
    assert (row_of_faster[-1], row_of_slower[-1]) == ("fps, memory", "")


def test_a_program_that_can_not_run_says_why() -> None:
    _, row = _rows([record("ours"), record("absent", obstacle=".venv-absent is not there")])
    assert row[-1] == "not run: .venv-absent is not there"
    assert len(row) == len(COLUMNS)


def test_the_tally_counts_without_the_warm_up(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(Task(Path(), Path(), WARM_UP_FRAMES + 10, 1, 0.0))
    while not tally.done:
        tally.labelled("cat", 0.0)
    tally.tell()
    figures = Figures(**json.loads(capsys.readouterr().out))
    assert figures.p95_ms == pytest.approx(figures.first_label_s * 1e3, rel=0.01)
    assert figures.peak_mb == pytest.approx(peak_mb() or 0, rel=0.1)


def test_the_installed_size_holds_what_is_needed_in_turn() -> None:
    assert installed_mb(HERE, ["typer"]) > installed_mb(HERE, ["rich"]) > installed_mb(HERE, ["mdurl"]) > 0
    assert installed_mb(HERE, ["typer", "rich"]) == installed_mb(HERE, ["typer"])


def test_the_installed_size_of_an_absent_package_is_refused() -> None:
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        installed_mb(HERE, ["no-such-package"])
