"""What was computed once and is kept on disk, in bounded size: features by photograph, converted backbones.

One SQLite file in the user's cache folder. Keys say everything that a value depends on, so nothing in it
ever becomes wrong; it may be deleted at any time. A broken file is put aside and said, never trusted.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from training.errors import SettingsError
from training.progress import Reporter

FILE = "cache.sqlite"
DEFAULT_MB = 2000
BATCH = 500  # keys a query
BUSY_TIMEOUT_S = 10.0
KEEP_SHARE = 0.8  # of the limit is left when something has to go
SCHEMA = """CREATE TABLE IF NOT EXISTS entries
(key TEXT PRIMARY KEY, value BLOB NOT NULL, used REAL NOT NULL) WITHOUT ROWID"""

Answer = TypeVar("Answer")


class Cache:
    """Bytes by key; the least recently used go when the file would outgrow its limit."""

    def __init__(self, folder: Path, limit_bytes: int, reporter: Reporter) -> None:
        """Open or make the file in `folder`; one that can't be used is said and done without."""
        self._path, self._limit_bytes, self._reporter = folder / FILE, limit_bytes, reporter
        self._database: sqlite3.Connection | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = self._opened()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
        except OSError as error:
            self._give_up(error)

    def read(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values that are there, by key."""

        def look(database: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for start in range(0, len(keys), BATCH):
                some = keys[start : start + BATCH]
                marks = ",".join("?" * len(some))
                found.update(
                    database.execute(f"SELECT key, value FROM entries WHERE key IN ({marks})", some)  # noqa: S608
                )
                database.execute(
                    f"UPDATE entries SET used = ? WHERE key IN ({marks})",  # noqa: S608
                    (time.time(), *some),
                )
            database.commit()
            return found

        return self._try(look, {})

    def write(self, values: Mapping[str, bytes]) -> None:
        """Keep values; a full disk or a broken file is said, and the work goes on without."""
        now = time.time()
        rows: Iterable[tuple[str, bytes, float]] = [(key, value, now) for key, value in values.items()]

        def keep(database: sqlite3.Connection) -> None:
            database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", rows)
            database.commit()
            self._trim(database)

        self._try(keep, None)

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)
        database.execute("PRAGMA auto_vacuum = FULL")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(SCHEMA)
        database.execute("SELECT key, used FROM entries LIMIT 1")
        return database

    def _trim(self, database: sqlite3.Connection) -> None:
        (size,) = database.execute(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        ).fetchone()
        if size <= self._limit_bytes:
            return
        excess = size - int(KEEP_SHARE * self._limit_bytes)
        gone: list[tuple[str]] = []
        for key, length in database.execute("SELECT key, length(value) FROM entries ORDER BY used"):
            gone.append((key,))
            excess -= length
            if excess <= 0:
                break
        database.executemany("DELETE FROM entries WHERE key = ?", gone)
        database.commit()

    def _try(self, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        if self._database is None:
            return otherwise
        try:
            return work(self._database)
        except sqlite3.OperationalError as error:  # locked, full disk: not the file's fault
            self._give_up(error)
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
        return otherwise

    def _give_up(self, error: Exception) -> None:
        self.close()
        self._reporter.note(f"working without the cache {self._path}: {error}")

    def _set_aside(self, error: Exception) -> None:
        self.close()
        broken = self._path.with_suffix(".broken")
        self._reporter.note(
            f"the cache {self._path} is broken ({error}): a new one is made, the old is {broken}"
        )
        try:
            self._path.replace(broken)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(FILE + suffix).unlink(missing_ok=True)
            self._database = self._opened()
        except (OSError, sqlite3.DatabaseError) as again:
            self._give_up(again)


@contextlib.contextmanager
def opened_cache(reporter: Reporter) -> Iterator[Cache]:
    """The user's cache, closed at the end: $EDGE_TRAIN_CACHE, else edge-train in $XDG_CACHE_HOME or ~/.cache.

    $EDGE_TRAIN_CACHE_MB bounds it. Raises SettingsError where that is no number.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("EDGE_TRAIN_CACHE") or Path(home) / "edge-train")
    limit_mb = os.environ.get("EDGE_TRAIN_CACHE_MB", str(DEFAULT_MB))
    if not limit_mb.isdigit():
        advice = "give a number of megabytes, or leave it out"
        raise SettingsError("can't use EDGE_TRAIN_CACHE_MB", f"it is {limit_mb!r}", advice)
    cache = Cache(folder, int(limit_mb) * 1_000_000, reporter)
    try:
        yield cache
    finally:
        cache.close()
