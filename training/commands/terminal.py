"""Progress, notes and tables on a terminal, with rich: the reporter of the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from training.progress import Step


class Terminal:
    """Draws on a console; where that is no terminal (a log, a pipe), one line a piece of work."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    def note(self, text: str) -> None:
        """Print one line as it is."""
        self.console.print(text, markup=False, soft_wrap=True)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, numbers to the right."""
        self.note(title)
        table = Table()
        for number, name in enumerate(header):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Step]:
        """A progress bar with the remaining time."""
        if not self.console.is_terminal:
            self.note(f"{what}: {total}")
            yield lambda: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(what, total=total)
            yield lambda: progress.advance(task)
