"""Events and their numbers in one SQLite file, or in memory: what the outbox is made of. It decides nothing.

A commit returns when the disk has it (WAL, synchronous = FULL), so an event that was taken survives a power
cut. Removals go with the next commit, or by `flush`: after a kill some may be sent again, with the number
they had.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOCK_TIMEOUT_S = 1.0
WAL_LIMIT_BYTES = 4_000_000
REMOVED_AT_ONCE = 64  # so many removals wait at most
SCHEMA = """
CREATE TABLE IF NOT EXISTS events
    (key INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL, stamp_s REAL);
CREATE TABLE IF NOT EXISTS numbers (camera TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One event. key rises; stamp_s: when it came, on the outbox's own clock, in seconds."""

    key: int
    topic: str
    payload: bytes
    stamp_s: float

    @property
    def size(self) -> int:
        """What it counts for, in bytes."""
        return len(self.topic.encode()) + len(self.payload)


class EventStore:
    """Raises sqlite3.Error where the file can't be used; used by one thread at a time."""

    def __init__(self, path: Path | None) -> None:
        """Open or make the file, None for one in memory. One process at a time: another finds it locked."""
        self._database = sqlite3.connect(
            path or ":memory:", timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._gone: set[int] = set()  # keys of removed events that the file still has
        self._durable: bool | None = None  # as the connection is set
        self.count, self.bytes = 0, 0
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
            self._database.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")
            self._measure()
        except sqlite3.Error:
            self._database.close()
            raise

    def append(
        self, events: Sequence[Stored], numbers: Mapping[str, int], counts: Mapping[str, float]
    ) -> None:
        """Keep events under new keys, the last number of each camera, and counts: all or nothing."""
        with self._transaction(durable=True):
            self._delete(self._gone)
            self._insert((None, event.topic, event.payload, event.stamp_s) for event in events)
            self._save(numbers, counts)
        self._gone = set()
        self.count += len(events)
        self.bytes += sum(event.size for event in events)

    def after(self, key: int, count: int = -1) -> list[Stored]:
        """The events behind that key in order, at most `count` of them if that is not negative."""
        gone = sum(other > key for other in self._gone)
        rows = self._database.execute(
            "SELECT key, topic, payload, stamp_s FROM events WHERE key > ? ORDER BY key LIMIT ?",
            (key, -1 if count < 0 else count + gone),
        )
        events = [Stored(*row) for row in rows if row[0] not in self._gone]
        return events if count < 0 else events[:count]

    def remove(self, events: Sequence[Stored], counts: Mapping[str, float] | None = None) -> None:
        """Forget events that are there, in the file by and by, or with the counts that are to be kept."""
        gone = self._gone.union(event.key for event in events)
        if counts is not None or len(gone) > REMOVED_AT_ONCE:
            with self._transaction(durable=False):
                self._delete(gone)
                self._save({}, counts or {})
            gone = set()
        self._gone = gone
        # a store that took another's place may never have had them
        self.count = max(0, self.count - len(events))
        self.bytes = max(0, self.bytes - sum(event.size for event in events))

    def flush(self) -> None:
        """Bring removals that wait into the file."""
        if self._gone:
            with self._transaction(durable=False):
                self._delete(self._gone)
            self._gone = set()

    def numbers(self) -> dict[str, int]:
        """The number of each camera's last event."""
        return dict(self._database.execute("SELECT camera, last FROM numbers"))

    def counts(self) -> dict[str, float]:
        """What was counted."""
        return dict(self._database.execute("SELECT name, value FROM counts"))

    def adopt(
        self,
        other: EventStore,
        numbers: Mapping[str, int],
        counts: Mapping[str, float],
        *,
        instead: bool,
        later_s: float = 0.0,
    ) -> None:
        """Take over another one's events, `instead` of our own, keys and all, or behind ours with new ones.

        later_s: is added to their stamps.
        """
        with self._transaction(durable=True):
            if instead:
                self._database.execute("DELETE FROM events")
            rows = [(e.key, e.topic, e.payload, e.stamp_s + later_s) for e in other.after(0)]
            self._insert(rows if instead else [(None, *row[1:]) for row in rows])
            self._save(numbers, counts)
        self._measure()

    def keep(self, numbers: Mapping[str, int], counts: Mapping[str, float]) -> None:
        """Keep numbers and counts."""
        with self._transaction(durable=True):
            self._delete(self._gone)
            self._save(numbers, counts)
        self._gone = set()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _insert(self, rows: Iterable[tuple[int | None, str, bytes, float]]) -> None:
        self._database.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)

    def _delete(self, keys: Iterable[int]) -> None:
        self._database.executemany("DELETE FROM events WHERE key = ?", [(key,) for key in keys])

    def _save(self, numbers: Mapping[str, int], counts: Mapping[str, float]) -> None:
        self._database.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?)", numbers.items())
        self._database.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?)", counts.items())

    def _measure(self) -> None:
        ((count, size),) = self._database.execute(
            "SELECT count(*), total(length(CAST(topic AS BLOB)) + length(payload)) FROM events"
        )
        self.count, self.bytes = int(count), int(size)
        self.numbers(), self.counts()  # a file that is damaged only there must be found now

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[None]:
        """All or nothing; a durable one ends when the disk has it."""
        if durable is not self._durable:
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
