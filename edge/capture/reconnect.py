"""When a lost camera is opened again, how long that may take, and which threads hang from earlier tries."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edge.capture.reachability import ReachabilityProbe
from edge.capture.reader_thread import ReaderThread
from edge.capture.timeouts import Backoff, OpenTimeout
from edge.errors import ThreadStuckError

log = logging.getLogger(__name__)

# How often a waiting thread looks up: a stop is noticed this soon, and the watchdog sees that it is alive.
POLL_S = 0.25
# Each thread that hangs holds a connection and memory, which only a new process frees. With the short limits
# of OpenTimeout eight openings hang for 40 s: a driver that recovers by itself is given that long.
MAX_ABANDONED = 7


class Reconnect:
    """What one camera's past says about its next opening."""

    def __init__(
        self,
        camera: str,
        is_reachable: Callable[[], bool] | None,
        first_retry_s: float,
        max_open_s: float,
    ) -> None:
        self._camera = camera
        self._backoff, self._open_timeout = Backoff(first_retry_s), OpenTimeout(max_open_s)
        self._probe = ReachabilityProbe(f"probe-{camera}", is_reachable) if is_reachable else None
        self._abandoned: list[ReaderThread] = []

    @property
    def open_limit_s(self) -> float:
        """How long the next opening may take, up to its first picture."""
        return self._open_timeout.limit_s

    def record_opening(self, took_s: float) -> None:
        """The first picture came so long after opening."""
        self._open_timeout.record_opening(took_s)
        if self._probe is not None:
            self._probe.mark_present()

    def record_hang(self) -> None:
        """No picture came within the limit."""
        self._open_timeout.record_hang()

    def record_delivery(self, since_s: float, now_s: float) -> None:
        """The camera has been delivering since then without a break."""
        self._backoff.record_delivery(since_s, now_s)

    def abandon(self, thread: ReaderThread, timeout_s: float) -> None:
        """End a thread; one that hangs in a call closes its reader itself, when that call comes back."""
        if not thread.end(timeout_s):
            log.debug("camera %s: a thread that reads from it hangs", self._camera)
            self._abandoned.append(thread)

    def check_abandoned(self, detail: str) -> None:
        """Raise ThreadStuckError while too many threads hang."""
        if self._count_abandoned() > MAX_ABANDONED:
            why = f"{len(self._abandoned)} threads that read from it hang ({detail})"
            raise ThreadStuckError(
                f"camera {self._camera} can't be opened again", why, "start the agent anew"
            )

    def wait(self, began_s: float, stop: threading.Event, report_alive: Callable[[], None]) -> None:
        """Wait before the next try, when the last one began at that time.

        A camera that is reachable again, or a thread that no longer hangs, ends the wait.
        """
        now_s = time.monotonic()
        until_s, abandoned = now_s + self._backoff.next_s(began_s, now_s), self._count_abandoned()
        while (left_s := until_s - time.monotonic()) > 0 and not stop.wait(min(left_s, POLL_S)):
            report_alive()
            if self._probe is not None and self._probe.poll_return():
                self._backoff.reset()
                return
            if self._count_abandoned() < abandoned:
                return

    def _count_abandoned(self) -> int:
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive]
        return len(self._abandoned)
