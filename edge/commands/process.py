"""What the commands share as processes: logging, signals, and how an error is shown."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback

from edge.errors import EdgeError
from edge.monitoring.logs import PLAIN, JournalFormatter, Sparing, is_journal, with_level


def set_up_logging(debug: bool, quiet: bool = False, *, for_weeks: bool = False) -> None:
    """Log to stderr, in the journal's levels if it is that: all, what matters, or (`quiet`) errors only.

    for_weeks: nobody reads along, so no place in the code may fill the log.
    """
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JournalFormatter() if is_journal(sys.stderr) else logging.Formatter(PLAIN))
    if for_weeks and not debug:
        handler.addFilter(Sparing())
    logging.basicConfig(level=level, handlers=[handler])


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def show_error(error: EdgeError) -> None:
    """One sentence on stderr; with --debug also where it happened."""
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        traceback.print_exc(file=sys.stderr)
    line = f"error: {error}"
    print(with_level(line, logging.ERROR) if is_journal(sys.stderr) else line, file=sys.stderr)
