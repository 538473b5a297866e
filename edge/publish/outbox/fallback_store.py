"""Events on disk, and in memory while the disk is full, read-only or broken. Loud, and never fatal."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge.publish.outbox.event_store import EventStore
from edge.publish.outbox.ledger import LIVED, Ledger

log = logging.getLogger(__name__)

RETRY_S = 30.0  # between two attempts to get back to disk: each may cost a second of the disk's time-outs

Result = TypeVar("Result")


class FallbackStore:
    """An EventStore that moves into memory where its file refuses, and back when that works again."""

    def __init__(
        self, path: Path | None, clock: Callable[[], float], moved: Callable[[], None] = lambda: None
    ) -> None:
        """path None keeps it in memory; `moved` is called after each move: keys may begin anew then."""
        self._path, self._clock, self._moved = path, clock, moved
        self.trouble: str | None = None  # why it is in memory, where it should be on disk
        self.numbers_lost = self._disk_unread = False
        self._store = self._open()
        self.ledger = Ledger(self._store.numbers(), self._store.counts(), clock)
        self._retry_due_s = clock() + RETRY_S

    def __len__(self) -> int:
        return self._store.count

    @property
    def bytes(self) -> int:
        """What its events count for."""
        return self._store.bytes

    @property
    def place(self) -> str:
        """Where the events are, in words."""
        if self.trouble:
            return f"memory: {self.trouble}"
        return "memory" if self._path is None else "disk"

    def do(self, work: Callable[[EventStore], Result]) -> Result:
        """Work on the store; where the disk refuses, in memory from now on."""
        try:
            return work(self._store)
        except sqlite3.Error as error:
            self._leave_disk(error)
            return work(self._store)

    def poll(self) -> None:
        """Go back to disk, if it is time to try that."""
        now_s = self._clock()
        if self._path is not None and self.trouble is not None and now_s >= self._retry_due_s:
            self._retry_due_s = now_s + RETRY_S
            self._return_to_disk(self._path)

    def close(self) -> None:
        """Let go of the file, for good; what waits is still there at the next start."""
        self.do(lambda store: store.keep(self.ledger.numbers, self.ledger.counts()))
        self._store.close()

    def _open(self) -> EventStore:
        if self._path is None:
            return EventStore(None)
        try:
            return self._open_on_disk(self._path)
        except (OSError, sqlite3.Error) as error:
            self._report_trouble(error)
            self.numbers_lost = self._disk_unread = True
            return EventStore(None)

    def _open_on_disk(self, path: Path) -> EventStore:
        """The store in this file; one that is no store is put aside, and the last such file is kept."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return EventStore(path)
        except sqlite3.OperationalError:  # locked, read-only, no room: not the content's fault
            raise
        except sqlite3.DatabaseError as error:
            broken = path.with_suffix(".broken")
            path.replace(broken)
            path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
            self.numbers_lost = True
            log.warning(
                "the outbox %s is damaged (%s): it is now %s, events may be lost", path, error, broken
            )
            return EventStore(path)

    def _leave_disk(self, error: sqlite3.Error) -> None:
        self._report_trouble(error)
        self._retry_due_s = self._clock() + RETRY_S
        memory = EventStore(None)
        try:
            memory.adopt(self._store, self.ledger.numbers, self.ledger.counts(), instead=True)
        except sqlite3.Error as unreadable:
            log.warning("the outbox can't be read either (%s): %d events are lost", unreadable, len(self))
            self.ledger.dropped += len(self)
        with contextlib.suppress(sqlite3.Error):
            self._store.close()
        self._store = memory
        self._moved()

    def _return_to_disk(self, path: Path) -> None:
        before = self.trouble
        try:
            disk = self._open_on_disk(path)
        except (OSError, sqlite3.Error) as error:
            self._report_trouble(error)
            return
        try:
            self._move_to(disk)
        except sqlite3.Error as error:
            disk.close()
            self._report_trouble(error)
            return
        self._store.close()
        self._store, self.trouble, self._disk_unread = disk, None, False
        self._moved()
        log.warning("the outbox is on disk again (it was: %s)", before)

    def _move_to(self, disk: EventStore) -> None:
        """What memory holds goes to disk: in place of what we know of it, else behind what was unread."""
        earlier, ledger = disk.counts() if self._disk_unread else {}, self.ledger
        counts = {name: value + earlier.get(name, 0.0) for name, value in ledger.counts().items()}
        instead, later_s = not self._disk_unread, earlier.get(LIVED, 0.0)
        disk.adopt(self._store, ledger.numbers, counts, instead=instead, later_s=later_s)
        ledger.add(earlier)

    def _report_trouble(self, error: Exception) -> None:
        reason = str(error)
        if reason != self.trouble:
            advice = "events are kept in memory and are lost if the agent ends"
            log.error("the outbox %s can't be used: %s; %s", self._path, reason, advice)
        self.trouble = reason
