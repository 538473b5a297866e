"""A thread that commits what the loop hands over, as one group: the loop never waits for a disk.

While one group is on its way to the disk the next one gathers, so a slow disk makes larger groups, not
longer waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from edge.errors import ThreadStuckError

Entry = TypeVar("Entry")

MAX_WAITING = 2_000  # beyond that the loop waits after all: memory is bounded
MAX_AT_ONCE = 256  # so that the first of a group does not wait for a long one
STOP_TIMEOUT_S = 10.0  # a commit takes milliseconds; a disk that takes longer does not answer any more


class OutboxWriter(Generic[Entry]):
    """Entries of one thread go to `keep` in order, which is called in ours and returns when they are safe."""

    def __init__(
        self, keep: Callable[[Sequence[Entry]], None], poll: Callable[[], None], poll_every_s: float
    ) -> None:
        """poll: called in our thread too, each `poll_every_s`."""
        self.alive_s = time.monotonic()  # when our thread last moved
        self._keep, self._poll, self._poll_every_s = keep, poll, poll_every_s
        self._poll_due_s = 0.0
        self._waiting: deque[Entry] = deque()
        self._changed = threading.Condition()
        self._stop = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def __len__(self) -> int:
        """How many entries are not safe yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin; what was put before waits."""
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Hand over an entry; raises what our thread ended by."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < MAX_WAITING or self._failure)
            self._waiting.append(entry)
            self._changed.notify_all()
        self.check()

    def wait(self) -> None:
        """Return when all entries are safe; raises what our thread ended by."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._failure)
        self.check()

    def check(self) -> None:
        """Raise what our thread ended by."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Keep what waits and end; raises ThreadStuckError where the disk does not answer."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise ThreadStuckError("the outbox's thread did not stop", f"{STOP_TIMEOUT_S:g} s passed")

    def _run(self) -> None:
        try:
            while self._waiting or not self._stop:
                self.alive_s = time.monotonic()
                self._keep_group(self._next_group())
        except Exception as error:  # noqa: BLE001 (the loop must hear of it, whatever it is)
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _next_group(self) -> list[Entry]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stop, self._poll_every_s)
            return [self._waiting[place] for place in range(min(len(self._waiting), MAX_AT_ONCE))]

    def _keep_group(self, group: list[Entry]) -> None:
        if group:
            self._keep(group)
            with self._changed:
                for _ in group:
                    self._waiting.popleft()
                self._changed.notify_all()
        if time.monotonic() >= self._poll_due_s:
            self._poll()
            self._poll_due_s = time.monotonic() + self._poll_every_s
