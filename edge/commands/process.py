"""What the commands share as processes: logging, signals, and how an error is shown."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback

from edge.errors import EdgeError


def set_up_logging(debug: bool, quiet: bool = False) -> None:
    """Log to stderr: everything, what matters, or (`quiet`) errors only."""
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")


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
    print(f"error: {error}", file=sys.stderr)
