"""Events on their way to the broker: on disk, bounded, in order, removed only when the broker has them.

What goes beyond the bounds is the oldest, and it is counted. Where the disk is full, read-only or broken the
queue goes on in memory, loudly, and back to disk when that works again. Nothing here ever stops the agent.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edge.publish.outbox.event_store import EventStore, Stored
from edge.publish.outbox.rate_limit import Allowance, Pause
from edge.records import Message

log = logging.getLogger(__name__)

RETRY_S = 30.0  # between two attempts to get back to disk
AGEING_S = 60.0  # between two looks for events that are too old
COUNTING_S = 10.0  # between two times that the running time is kept with an event
DROPPED_AT_ONCE = 500
DROPPED, LIVED = "dropped", "lived_s"  # what the store keeps count of

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """max_bytes: of topics and payloads. max_age_s: of an event, counted while an agent runs, so that a clock
    that is set can't throw events away. rate: events handed out a second; max_in_flight: unacknowledged.
    """

    max_bytes: int = 32_000_000
    max_age_s: float = 7 * 86_400.0
    rate: float = 200.0
    max_in_flight: int = 32


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """One event, which has this number for its camera."""

    camera: str
    number: int
    message: Message


class Outbox:
    """A bounded queue of events; an event waits, is in flight after `hand_out`, and goes by `acknowledge`."""

    def __init__(
        self,
        path: Path | None = None,
        limits: OutboxLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`path` None keeps it in memory; clock: monotonic, in seconds."""
        self._path, self._limits, self._clock = path, limits or OutboxLimits(), clock
        self._in_flight: dict[int, Stored] = {}
        self._handles = itertools.count()
        self._handed_key = 0
        self.trouble: str | None = None
        self.numbers_lost = self._disk_unread = self._said_dropping = self._closed = False
        self._store = self._opened()
        self.numbers: dict[str, int] = self._store.numbers()
        counts = self._store.counts()
        self.dropped = int(counts.get(DROPPED, 0))
        self._lived_before_s, self._opened_s = counts.get(LIVED, 0.0), clock()
        self._retry_due_s, self._ageing_due_s, self._counting_due_s = clock() + RETRY_S, clock(), clock()
        self._allowance, self._pause = Allowance(self._limits.rate, clock()), Pause()

    def __len__(self) -> int:
        return self._store.count

    def append(self, events: Sequence[NumberedEvent]) -> None:
        """Queue events in order in one commit; when this returns, the disk has them."""
        lived_s = self._lived_s()
        stored = [Stored(0, event.message.topic, event.message.payload, lived_s) for event in events]
        numbers = {event.camera: event.number for event in events}
        self.numbers.update(numbers)
        self._do(lambda store: store.append(stored, numbers, self._counts_due()))
        excess = self._store.bytes - self._limits.max_bytes
        if excess > 0:
            self._drop_while(lambda _event, freed: freed < excess)

    def hand_out(self) -> list[tuple[int, Message]]:
        """The next waiting events in order with a handle each, as many as may be in flight and go now."""
        now_s = self._clock()
        room = self._limits.max_in_flight - len(self._in_flight)
        if self._pause.active:
            room = int(not self._in_flight and self._pause.is_over(now_s))
            self._handed_key = 0
        count = min(room, self._allowance.left(now_s))
        if count <= 0 or not self._store.count:
            return []
        events = self._do(lambda store: store.after(self._handed_key, count))
        self._allowance.spend(len(events))
        handed = []
        for event in events:
            handle = next(self._handles)
            self._in_flight[handle], self._handed_key = event, event.key
            handed.append((handle, Message(event.topic, event.payload)))
            if self._pause.active:
                self._pause.tries(handle)
        return handed

    def acknowledge(self, handle: int, *, refused: bool = False) -> None:
        """The broker has it, or has refused it, which counts as dropped: remove it."""
        event = self._in_flight.pop(handle, None)
        if event is not None:
            self._pause.answered(handle)
            self.dropped += refused
            self._do(lambda store: store.remove([event], self._counts() if refused else None))

    def postpone(self, handle: int) -> None:
        """The broker refuses it for now: it waits again, and nothing is handed out for a while."""
        if self._in_flight.pop(handle, None) is not None:
            self._pause.refused(self._clock())

    def take_back(self) -> None:
        """The connection is gone: what was in flight waits again, in its old order."""
        self._in_flight.clear()
        self._handed_key = 0

    def poll(self) -> None:
        """To be called now and then: drops what is too old, and goes back to disk when that works again."""
        now_s = self._clock()
        self._do(lambda store: store.flush())
        if now_s >= self._ageing_due_s:
            self._ageing_due_s = now_s + AGEING_S
            oldest_s = self._lived_s() - self._limits.max_age_s
            self._drop_while(lambda event, _freed: event.stamp_s < oldest_s)
        if self._path is not None and self.trouble is not None and now_s >= self._retry_due_s:
            self._retry_due_s = now_s + RETRY_S
            self._return_to_disk(self._path)

    def report(self) -> dict[str, Any]:
        """What there is to say of it, for the counters."""
        where = "memory" if self._path is None else "disk"
        return {
            "events_waiting": len(self),
            "events_dropped": self.dropped,
            "outbox": f"memory: {self.trouble}" if self.trouble else where,
        }

    def close(self) -> None:
        """Let go of the file, for good; what waits is still there at the next start."""
        if self._closed:
            return
        self._closed = True
        self._do(lambda store: store.keep(self.numbers, self._counts()))
        self._store.close()

    def _opened(self) -> EventStore:
        if self._path is None:
            return EventStore(None)
        try:
            return self._opened_on_disk(self._path)
        except (OSError, sqlite3.Error) as error:
            self._say(error)
            self.numbers_lost = self._disk_unread = True
            return EventStore(None)

    def _opened_on_disk(self, path: Path) -> EventStore:
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

    def _do(self, work: Callable[[EventStore], Answer]) -> Answer:
        """Work on the store; where the disk refuses, in memory from now on."""
        try:
            return work(self._store)
        except sqlite3.Error as error:
            self._leave_disk(error)
            return work(self._store)

    def _leave_disk(self, error: sqlite3.Error) -> None:
        self._say(error)
        self._retry_due_s = self._clock() + RETRY_S
        memory = EventStore(None)
        try:
            memory.adopt(self._store, self.numbers, self._counts(), instead=True)
        except sqlite3.Error as unreadable:
            log.warning("the outbox can't be read either (%s): %d events are lost", unreadable, len(self))
            self.dropped += len(self)
        with contextlib.suppress(sqlite3.Error):
            self._store.close()
        self._store = memory
        self.take_back()  # keys begin anew where nothing was waiting

    def _return_to_disk(self, path: Path) -> None:
        before = self.trouble
        try:
            disk = self._opened_on_disk(path)
        except (OSError, sqlite3.Error) as error:
            self._say(error)
            return
        try:
            self._move_to(disk)
        except sqlite3.Error as error:
            disk.close()
            self._say(error)
            return
        self._store.close()
        self._store, self.trouble, self._disk_unread = disk, None, False
        self.take_back()
        log.warning("the outbox is on disk again (it was: %s)", before)

    def _move_to(self, disk: EventStore) -> None:
        """What memory holds goes to disk: in place of what we know of it, else behind what was unread."""
        earlier = disk.counts() if self._disk_unread else {}
        dropped, lived_s = int(earlier.get(DROPPED, 0)), earlier.get(LIVED, 0.0)
        counts = {DROPPED: self.dropped + dropped, LIVED: self._lived_s() + lived_s}
        disk.adopt(self._store, self.numbers, counts, instead=not self._disk_unread, later_s=lived_s)
        self.dropped += dropped
        self._lived_before_s += lived_s

    def _say(self, error: Exception) -> None:
        reason = str(error)
        if reason != self.trouble:
            advice = "events are kept in memory and are lost if the agent ends"
            log.error("the outbox %s can't be used: %s; %s", self._path, reason, advice)
        self.trouble = reason

    def _drop_while(self, goes: Callable[[Stored, int], bool]) -> None:
        """Drop the oldest events as long as `goes(event, bytes dropped before it)`."""
        gone: list[Stored] = []
        freed = 0
        for event in self._do(lambda store: store.after(0, DROPPED_AT_ONCE)):
            if not goes(event, freed):
                break
            gone.append(event)
            freed += event.size
        if not gone:
            return
        self.dropped += len(gone)
        self._do(lambda store: store.remove(gone, self._counts()))
        keys = {event.key for event in gone}
        self._in_flight = {h: event for h, event in self._in_flight.items() if event.key not in keys}
        if not self._said_dropping:
            self._said_dropping = True
            log.warning("the outbox is full or its events are too old: the oldest are dropped")

    def _counts_due(self) -> dict[str, float]:
        """The counts at times only: they are a page of their own in the file."""
        if self._clock() < self._counting_due_s:
            return {}
        self._counting_due_s = self._clock() + COUNTING_S
        return self._counts()

    def _counts(self) -> dict[str, float]:
        return {DROPPED: self.dropped, LIVED: self._lived_s()}

    def _lived_s(self) -> float:
        """Seconds that agents have run with this outbox."""
        return self._lived_before_s + self._clock() - self._opened_s
