"""Which events have been handed out and are not answered yet."""

from __future__ import annotations

import itertools

from edge.publish.outbox.event_store import Stored


class InFlight:
    """Events by handle; a handle is never given twice, so a late answer meets nothing else."""

    def __init__(self) -> None:
        self.last_key = 0  # of the event handed out last: the next ones are behind it
        self._events: dict[int, Stored] = {}
        self._handles = itertools.count()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Stored) -> int:
        """The handle of an event that is handed out now."""
        handle = next(self._handles)
        self._events[handle], self.last_key = event, event.key
        return handle

    def pop(self, handle: int) -> Stored | None:
        """The event, which is in flight no more; None where it was not."""
        return self._events.pop(handle, None)

    def forget(self, keys: set[int]) -> None:
        """These events are no more."""
        self._events = {handle: event for handle, event in self._events.items() if event.key not in keys}

    def rewind(self) -> None:
        """The next event is the oldest again."""
        self.last_key = 0

    def clear(self) -> None:
        """Nothing is in flight, and the next event is the oldest again."""
        self._events.clear()
        self.rewind()
