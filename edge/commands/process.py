"""What the commands share as processes: a quick start, logging, signals, and how an error is shown."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import traceback

from edge.errors import EdgeError
from edge.monitoring.logs import PLAIN, JournalFormatter, Sparing, is_journal, with_level

# What libraries read when they are imported. OpenBLAS's threads would wait for work by spinning; and pydantic
# would look for plugins in what is said of every installed package.
LIBRARY_SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "1"}
STARTING_THRESHOLD = 200_000  # objects: imports make many, and hardly any garbage
# mallopt(3). A heap for each thread would hold 1 MB a camera more, for no speed; and memory that is given
# back after each picture, and fetched for the next one, costs up to a third of decoding it.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEPT_BYTES, MAX_ALLOWED = 64 << 20, 32 << 20
USUAL_THRESHOLDS = gc.get_threshold()


def hurry_imports() -> None:
    """Before anything large is imported: settings that nobody has made, and hardly any garbage collection."""
    for name, value in LIBRARY_SETTINGS.items():
        os.environ.setdefault(name, value)
    gc.set_threshold(STARTING_THRESHOLD, *USUAL_THRESHOLDS[1:])


def share_one_heap() -> None:
    """Before the first thread: all that will be share one heap, unless somebody wants it otherwise."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        _call_heap_function("mallopt", M_ARENA_MAX, 1)


def settle() -> None:
    """After the start: return its memory, from then on keep that of pictures, and collect garbage as usual.

    Garbage is never looked for in what the start has left.
    """
    _call_heap_function("malloc_trim", 0)
    if not os.environ.keys() & {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"}:
        _call_heap_function("mallopt", M_MMAP_THRESHOLD, MAX_ALLOWED)
        _call_heap_function("mallopt", M_TRIM_THRESHOLD, KEPT_BYTES)
    gc.freeze()
    gc.set_threshold(*USUAL_THRESHOLDS)


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


def _call_heap_function(name: str, *arguments: int) -> None:
    """Call one of glibc's functions for its heap; another C library has none, and none is needed."""
    import ctypes

    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
