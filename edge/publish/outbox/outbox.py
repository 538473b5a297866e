"""Events on their way to the broker: on disk, bounded, in order, removed only when the broker has them.

What goes beyond the bounds is the oldest, and it is counted. Where the disk refuses, the queue goes on in
memory (see `fallback_store`). Nothing here ever stops the agent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.publish.outbox.event_store import Stored
from edge.publish.outbox.fallback_store import FallbackStore
from edge.publish.outbox.in_flight import InFlight
from edge.publish.outbox.send_rate import Allowance, Pause
from edge.records import Message

log = logging.getLogger(__name__)

AGEING_S = 60.0  # between two looks for events that are too old: their limit is days
DROPPED_AT_ONCE = 500  # so that a look for old events never holds the lock for long


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
        self._limits, self._clock = limits or OutboxLimits(), clock
        self._in_flight = InFlight()
        self._store = FallbackStore(path, clock, self.take_back)
        self._said_dropping = self._closed = False
        self._ageing_due_s = clock()
        self._allowance, self._pause = Allowance(self._limits.rate, clock()), Pause()

    def __len__(self) -> int:
        return len(self._store)

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each camera's last event."""
        return self._store.ledger.numbers

    @property
    def numbers_lost(self) -> bool:
        """True if the numbers of earlier events could not be read."""
        return self._store.numbers_lost

    @property
    def dropped(self) -> int:
        """How many events were given up, since there is this outbox."""
        return self._store.ledger.dropped

    @property
    def trouble(self) -> str | None:
        """Why events are kept in memory, where they should be on disk."""
        return self._store.trouble

    def append(self, events: Sequence[NumberedEvent]) -> None:
        """Queue events in order in one commit; when this returns, the disk has them."""
        ledger = self._store.ledger
        lived_s = ledger.lived_s
        stored = [Stored(0, event.message.topic, event.message.payload, lived_s) for event in events]
        numbers = {event.camera: event.number for event in events}
        ledger.numbers.update(numbers)
        self._store.do(lambda store: store.append(stored, numbers, ledger.counts_due()))
        excess = self._store.bytes - self._limits.max_bytes
        if excess > 0:
            self._drop_while(lambda _event, freed: freed < excess)

    def hand_out(self) -> list[tuple[int, Message]]:
        """The next waiting events in order with a handle each, as many as may be in flight and go now."""
        now_s = self._clock()
        room = self._limits.max_in_flight - len(self._in_flight)
        if self._pause.active:
            room = int(not len(self._in_flight) and self._pause.is_over(now_s))
            self._in_flight.rewind()
        count = min(room, self._allowance.left(now_s))
        if count <= 0 or not len(self._store):
            return []
        events = self._store.do(lambda store: store.after(self._in_flight.last_key, count))
        self._allowance.spend(len(events))
        handed = []
        for event in events:
            handle = self._in_flight.add(event)
            handed.append((handle, Message(event.topic, event.payload)))
            if self._pause.active:
                self._pause.tries(handle)
        return handed

    def acknowledge(self, handle: int, *, refused: bool = False) -> None:
        """The broker has it, or has refused it, which counts as dropped: remove it."""
        event = self._in_flight.pop(handle)
        if event is not None:
            self._pause.answered(handle)
            self._store.ledger.dropped += refused
            counts = self._store.ledger.counts() if refused else None
            self._store.do(lambda store: store.remove([event], counts))

    def postpone(self, handle: int) -> None:
        """The broker refuses it for now: it waits again, and nothing is handed out for a while."""
        if self._in_flight.pop(handle) is not None:
            self._pause.refused(self._clock())

    def take_back(self) -> None:
        """The connection is gone: what was in flight waits again, in its old order."""
        self._in_flight.clear()

    def poll(self) -> None:
        """To be called now and then: drops what is too old, and goes back to disk when that works again."""
        self._store.do(lambda store: store.flush())
        if self._clock() >= self._ageing_due_s:
            self._ageing_due_s = self._clock() + AGEING_S
            oldest_s = self._store.ledger.lived_s - self._limits.max_age_s
            self._drop_while(lambda event, _freed: event.stamp_s < oldest_s)
        self._store.poll()

    def report(self) -> dict[str, Any]:
        """What there is to say of it, for the counters."""
        return {
            "events_waiting": len(self),
            "events_dropped": self.dropped,
            "outbox": self._store.place,
        }

    def close(self) -> None:
        """Let go of the file, for good; what waits is still there at the next start."""
        if not self._closed:
            self._closed = True
            self._store.close()

    def _drop_while(self, goes: Callable[[Stored, int], bool]) -> None:
        """Drop the oldest events as long as `goes(event, bytes dropped before it)`."""
        gone: list[Stored] = []
        freed = 0
        for event in self._store.do(lambda store: store.after(0, DROPPED_AT_ONCE)):
            if not goes(event, freed):
                break
            gone.append(event)
            freed += event.size
        if not gone:
            return
        ledger = self._store.ledger
        ledger.dropped += len(gone)
        self._store.do(lambda store: store.remove(gone, ledger.counts()))
        self._in_flight.forget({event.key for event in gone})
        if not self._said_dropping:
            self._said_dropping = True
            log.warning("the outbox is full or its events are too old: the oldest are dropped")
