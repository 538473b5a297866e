"""Events on their way to the broker: bounded, in order, removed only when the broker acknowledged them.

In memory for now: it survives a dead broker, not a dead agent. `Sequences` survives a restart, so that
numbers go on where they ended (after a power cut the last ones may be given again).
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from pathlib import Path

from edge.records import Message

log = logging.getLogger(__name__)


class Outbox:
    """A bounded queue of messages, keyed by a rising number.

    A message is `waiting` until `hand_out` gives it away, in flight until `acknowledge` removes it, and
    waiting again after `take_back`. When full, the oldest goes and is counted in `dropped`.
    """

    def __init__(self, capacity: int = 10_000, max_in_flight: int = 16) -> None:
        self._capacity, self._max_in_flight = capacity, max_in_flight
        self._messages: OrderedDict[int, Message] = OrderedDict()
        self._in_flight: set[int] = set()
        self._next_key = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._messages)

    def append(self, message: Message) -> None:
        """Queue a message; drops the oldest one when there is no room."""
        if len(self._messages) >= self._capacity:
            oldest, _ = self._messages.popitem(last=False)
            self._in_flight.discard(oldest)
            self.dropped += 1
            if self.dropped == 1:
                log.warning("the outbox is full (%d events): the oldest are dropped", self._capacity)
        self._messages[self._next_key] = message
        self._next_key += 1

    def hand_out(self) -> list[tuple[int, Message]]:
        """The next waiting messages in order, as many as may be in flight, with their keys."""
        room = self._max_in_flight - len(self._in_flight)
        if room <= 0:
            return []
        handed: list[tuple[int, Message]] = []
        for key, message in self._messages.items():
            if len(handed) == room:
                break
            if key not in self._in_flight:
                handed.append((key, message))
        self._in_flight.update(key for key, _ in handed)
        return handed

    def acknowledge(self, key: int) -> None:
        """The broker has it: remove it."""
        self._in_flight.discard(key)
        self._messages.pop(key, None)

    def take_back(self) -> None:
        """The connection is gone: what was in flight waits again, in its old order."""
        self._in_flight.clear()


class Sequences:
    """The number of each camera's last event; kept on disk, so that it rises across restarts."""

    def __init__(self, file: Path | None) -> None:
        """`file` None keeps them in memory; a file that can't be used is said once and done without."""
        self._file = file
        self._numbers = _read_numbers(file) if file else {}

    def current(self, camera: str) -> int:
        """The number of the camera's last event, 0 before the first."""
        return self._numbers.get(camera, 0)

    def advance(self, camera: str) -> int:
        """The number for the camera's next event."""
        self._numbers[camera] = self.current(camera) + 1
        self._save()
        return self._numbers[camera]

    def _save(self) -> None:
        if self._file is None:
            return
        temporary = self._file.with_suffix(".tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._numbers))
            temporary.replace(self._file)
        except OSError as error:
            log.warning(
                "can't write %s: %s; event numbers start anew after a restart", self._file, error.strerror
            )
            self._file = None


def _read_numbers(file: Path) -> dict[str, int]:
    try:
        loaded = json.loads(file.read_text())
        return {str(camera): int(number) for camera, number in loaded.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.warning("can't read %s: %s; event numbers start anew", file, error)
        return {}
