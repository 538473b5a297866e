"""A live source, opened, read and closed in a daemon thread that may hang without harm.

OpenCV's calls can block for longer than anybody wants to wait, and nothing can interrupt them. So they
are made here, and whoever waits for pictures does so with a deadline. A thread that is given up closes
its source itself, once its call comes back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.capture.rate_limit import RateLimit
from edge.capture.sources.reader import GrabbingReader, Picture, Reader, Reduction


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the source gave, and when, on the monotonic clock.

    picture: None where it is well but has nothing new. missed: pictures before it that nobody took in time;
    skipped, skipped_after: pictures before and after it that were not due.
    """

    picture: Picture | None
    received_s: float
    missed: int = 0
    skipped: int = 0
    skipped_after: int = 0


class ReaderThread:
    """Reads from its making on; a newer picture takes the place of one that nobody has taken.

    Pictures that the rate limit does not let through are not decoded, where the reader can do without.
    """

    def __init__(
        self,
        name: str,
        open_reader: Callable[[], Reader],
        rate: RateLimit,
        reduction: Reduction | None = None,
    ) -> None:
        """reduction: how much smaller than they are its pictures may be; None: not at all."""
        self.started_s = time.monotonic()
        self._open_reader, self._rate, self._reduction = open_reader, rate, reduction
        self._changed = threading.Condition()
        self._arrival: Arrival | None = None
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> Arrival | None:
        """The newest arrival, or None after `timeout_s`; raises, once, what opening or reading raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrival or self._error, timeout_s)
            arrival, self._arrival = self._arrival, None
            if arrival is not None or self._error is None:
                return arrival
            # An error knows where it was raised, so it must not stay where that knows it: the circle would
            # keep the last picture until Python looks for circles, which may be hours.
            error, self._error = self._error, None
            try:
                raise error
            finally:
                del error

    def end(self, timeout_s: float) -> bool:
        """Ask it to close its source, and wait; false while a call of it has not come back."""
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """True until its source is closed."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            with contextlib.closing(self._open_reader()) as reader:
                self._read(reader)
        except Exception as error:  # noqa: BLE001 (whoever takes must hear of it, whatever it is)
            self._tell(error)

    def _read(self, reader: Reader) -> None:
        read_one = self._grab_one if isinstance(reader, GrabbingReader) else self._read_one
        # An error is told before closing, which may hang too.
        try:
            while not self._stop.is_set():
                read_one(reader)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001
            self._tell(error)

    def _read_one(self, reader: Reader) -> None:
        picture, now_s = reader.read(), time.monotonic()
        if picture is not None and not self._rate.is_due(now_s):
            self._skip(now_s)
        else:
            self._hand_over(picture, now_s)

    def _grab_one(self, reader: GrabbingReader) -> None:
        reader.grab()
        now_s = time.monotonic()
        if self._stop.is_set():
            return
        if not self._rate.is_due(now_s):
            self._skip(now_s)
        elif (picture := reader.retrieve(self._reduction)) is not None:
            self._hand_over(picture, now_s)

    def _skip(self, now_s: float) -> None:
        """Count it. Nobody is woken for that: whoever takes looks a few times a second anyway."""
        with self._changed:
            waiting = self._arrival or Arrival(None, now_s)
            if waiting.picture is None:
                self._arrival = Arrival(None, now_s, skipped=waiting.skipped + 1)
            else:
                self._arrival = dataclasses.replace(waiting, skipped_after=waiting.skipped_after + 1)

    def _hand_over(self, picture: Picture | None, now_s: float) -> None:
        if picture is not None:
            self._rate.advance(now_s)
        with self._changed:
            waiting = self._arrival
            if waiting is None:
                self._arrival = Arrival(picture, now_s)
            elif picture is None:
                return
            else:
                missed = waiting.missed + (waiting.picture is not None)
                self._arrival = Arrival(picture, now_s, missed, waiting.skipped + waiting.skipped_after)
            self._changed.notify()

    def _tell(self, error: Exception) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify()
