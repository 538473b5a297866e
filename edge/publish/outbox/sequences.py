"""The numbers of a camera's events, which go on where an outbox knows the last ones."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Sequences:
    """Numbers the events of each camera."""

    def __init__(self, known: Mapping[str, int], *, lost: bool = False) -> None:
        """Go on from the known ones; where they were `lost`, from the clock, so that none is given twice.

        In milliseconds: there are fewer events than these, so the clock stays ahead of the numbers.
        """
        self._numbers = dict(known)
        self._first = int(time.time() * 1000) if lost else 0

    def current(self, camera: str) -> int:
        """The number of the camera's last event, 0 before the first."""
        return self._numbers.get(camera, self._first)

    def advance(self, camera: str) -> int:
        """The number for the camera's next event."""
        self._numbers[camera] = self.current(camera) + 1
        return self._numbers[camera]
