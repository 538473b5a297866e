"""A live source, opened, read and closed in a daemon thread that may hang without harm.

OpenCV's calls can block for longer than anybody wants to wait, and nothing can interrupt them. So they
are made here, and whoever waits for pictures does so with a deadline. A thread that is given up closes
its source itself, once its call comes back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.camera.reading import Picture, Reader


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the source gave, and when, on the monotonic clock.

    picture: None where it is well but has nothing new. missed: pictures before it that nobody took in time.
    """

    picture: Picture | None
    received_s: float
    missed: int = 0


class ReaderThread:
    """Reads from its making on; a newer picture takes the place of one that nobody has taken."""

    def __init__(self, name: str, open_reader: Callable[[], Reader]) -> None:
        self.started_s = time.monotonic()
        self._open_reader = open_reader
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
        # An error is told before closing, which may hang too.
        try:
            while not self._stop.is_set():
                self._hand_over(reader.read())
        except Exception as error:  # noqa: BLE001
            self._tell(error)

    def _hand_over(self, picture: Picture | None) -> None:
        now_s = time.monotonic()
        with self._changed:
            waiting = self._arrival
            if picture is None and waiting is not None:
                return
            missed = waiting.missed + 1 if waiting is not None and waiting.picture is not None else 0
            self._arrival = Arrival(picture, now_s, missed)
            self._changed.notify()

    def _tell(self, error: Exception) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify()
