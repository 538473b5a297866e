"""How log lines look and how many there may be: levels for the journal, and no line in an endless loop."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

PLAIN = "%(asctime)s %(levelname)s %(message)s"
ABOUT_A_CAMERA = "camera %s"


class JournalFormatter(logging.Formatter):
    """sd-daemon(3)'s level before each line; the journal itself knows when a line came."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, and a traceback's lines, each with its level."""
        return with_level(super().format(record), record.levelno)


def with_level(text: str, level: int) -> str:
    """Each line with `<3>` (error) to `<7>` (debug) before it."""
    order = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    number = next((number for least, number in order if level >= least), 7)
    return "\n".join(f"<{number}>{line}" for line in text.splitlines())


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """True where the stream is the very one that JOURNAL_STREAM names (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many lines at once, and then one more every so many seconds."""

    burst: int
    refill_s: float


WARNINGS, OTHERS = Allowance(10, 300.0), Allowance(60, 10.0)


@dataclass(slots=True)
class _Account:
    left: float
    at_s: float
    left_out: int = 0


class Sparing(logging.Filter):
    """Lets a place in the code speak so often and no more; afterwards says how many lines it left out.

    Places are told apart by their line and level, and by the camera where the message begins with one: not by
    the text, which may be another one each time. Debug lines are not counted.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._accounts: dict[tuple[str, int, int, object], _Account] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a line too many."""
        if record.levelno < logging.INFO:
            return True
        allowance = WARNINGS if record.levelno >= logging.WARNING else OTHERS
        account = self._account_of(record, allowance)
        now_s = self._clock()
        account.left = min(allowance.burst, account.left + (now_s - account.at_s) / allowance.refill_s)
        account.at_s = now_s
        if account.left < 1:
            account.left_out += 1
            return False
        account.left -= 1
        if account.left_out:
            record.msg, record.args = f"{record.getMessage()} ({account.left_out} such lines left out)", None
            account.left_out = 0
        return True

    def _account_of(self, record: logging.LogRecord, allowance: Allowance) -> _Account:
        whose = None
        if record.args and isinstance(record.args, tuple) and str(record.msg).startswith(ABOUT_A_CAMERA):
            whose = record.args[0]
        key = (record.pathname, record.lineno, record.levelno, whose)
        return self._accounts.setdefault(key, _Account(allowance.burst, self._clock()))
