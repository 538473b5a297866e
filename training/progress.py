"""How a stage tells what it is doing, without knowing who listens (a terminal, a test, nobody)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Step = Callable[[], None]


class Reporter(Protocol):
    """Where the stages' progress goes."""

    def note(self, text: str) -> None:
        """One line for the person who waits."""
        ...

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A small table."""
        ...

    def steps(self, what: str, total: int) -> AbstractContextManager[Step]:
        """A piece of work of `total` equal steps; call the yielded function after each."""
        ...


class Silent:
    """A reporter that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Say nothing."""

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Step]:
        """Count nothing."""
        yield lambda: None
