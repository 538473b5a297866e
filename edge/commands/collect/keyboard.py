"""Single key presses from a terminal, also over ssh; the terminal is left as it was found."""

from __future__ import annotations

import os
import re
import select
import signal
import termios
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any

ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)  # ECMA-48: arrow, function keys
END = "\x04"  # what Ctrl-D sends; a terminal that has gone away reads as this too


class Keyboard:
    """A terminal in cbreak mode while the context lasts: keys come at once and unseen; Ctrl-C still works."""

    def __init__(self, terminal: int, resumed: Callable[[], None] = lambda: None) -> None:
        """`terminal` is a terminal's file descriptor; `resumed` is called after Ctrl-Z and `fg`."""
        self._terminal, self._resumed = terminal, resumed
        self._before: list[Any] = []
        self._handler: Any = signal.SIG_DFL

    def __enter__(self) -> Keyboard:
        self._before = termios.tcgetattr(self._terminal)
        self._handler = signal.signal(signal.SIGCONT, self._resume)
        tty.setcbreak(self._terminal, termios.TCSANOW)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGCONT, self._handler)
        # Keys that nobody has read are dropped: they were not meant for the shell.
        termios.tcsetattr(self._terminal, termios.TCSAFLUSH, self._before)

    def read_keys(self) -> str:
        """The keys pressed since the last call; arrow and function keys are left out."""
        keys = ""
        while select.select([self._terminal], [], [], 0)[0]:
            try:
                data = os.read(self._terminal, 64)
            except OSError:
                data = b""
            if not data:
                return keys + END
            keys += ESCAPE_SEQUENCE.sub("", data.decode("utf-8", "ignore"))
        return keys

    def _resume(self, _number: int, _frame: object) -> None:
        # While we were stopped the shell has put the terminal back to whole lines.
        tty.setcbreak(self._terminal, termios.TCSANOW)
        self._resumed()
