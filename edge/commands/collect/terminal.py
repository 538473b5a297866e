"""The terminal of a command that goes on for a while: a status line that is kept up to date, notes, keys."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import threading
from collections.abc import Iterator

from rich.cells import set_cell_size

from edge.commands.collect.keyboard import Keyboard

CLEAR_LINE = "\r\x1b[K"


class Terminal:
    """Notes and the status go to stderr; where that is no terminal, there is no status line."""

    def __init__(self, *, status_line: bool = True) -> None:
        self._has_status = status_line and sys.stderr.isatty()
        self._status = ""
        self._keyboard: Keyboard | None = None
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            clear = CLEAR_LINE if self._status else ""
            self._status = ""
            print(f"{clear}{text}", file=sys.stderr, flush=True)

    def status(self, text: str) -> None:
        """The line at the bottom, cut to the terminal's width; an empty text takes it away."""
        with self._lock:
            if not self._has_status or text == self._status:
                return
            self._status = text
            width = shutil.get_terminal_size().columns - 1
            print(f"{CLEAR_LINE}{set_cell_size(text, width).rstrip()}", end="", file=sys.stderr, flush=True)

    def read_keys(self) -> str:
        """The keys pressed since the last call; empty outside `keys`."""
        return self._keyboard.read_keys() if self._keyboard else ""

    @contextlib.contextmanager
    def keys(self) -> Iterator[None]:
        """Read single keys while the context lasts."""
        with Keyboard(sys.stdin.fileno(), self._draw_again) as self._keyboard:
            yield
        self._keyboard = None

    def notes_of(self, logger: str) -> None:
        """Show the warnings of this logger as notes."""
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self.note(record.getMessage())  # type: ignore[method-assign]
        source = logging.getLogger(logger)
        source.setLevel(logging.WARNING)
        source.propagate = False
        source.addHandler(handler)

    def _draw_again(self) -> None:
        self._status = ""
