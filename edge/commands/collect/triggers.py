"""When `collect` takes a photograph: on a key, every so many seconds, or when something has moved.

A trigger sees every frame and says whether it is due; of several, all must agree. Time is the frame's own.
"""

from __future__ import annotations

from typing import Protocol

from edge.commands.collect.similarity import Thumbnail, changed_share, thumbnail
from edge.records import Frame

# Containers round their time stamps to milliseconds.
TIME_STAMP_GRACE_S = 5e-4
# A hand that puts something down has left the picture and the blur is gone after this time.
REST_S = 0.3
# A scene that never rests (a conveyor, a tree in the wind) still gives a photograph this often.
MAX_UNREST_S = 5.0
# The noise of an indoor camera changes less than this share of the picture (LOG.md).
MOTION_SHARE = 0.02


class Trigger(Protocol):
    """Decides about single frames."""

    def is_due(self, frame: Frame) -> bool:
        """True if this frame is due; called once for every frame, in order."""

    def mark_taken(self) -> None:
        """The frame seen last was taken."""


class KeyPress:
    """The first frame that arrives after somebody has asked for one."""

    def __init__(self) -> None:
        self._asked_s: float | None = None

    def ask(self, now_s: float) -> None:
        """Somebody has pressed the key, at this time of the monotonic clock."""
        self._asked_s = now_s

    def forget(self) -> None:
        """The camera is not there: do not take a picture whenever it comes back."""
        self._asked_s = None

    def is_due(self, frame: Frame) -> bool:
        return self._asked_s is not None and frame.received_s >= self._asked_s

    def mark_taken(self) -> None:
        self._asked_s = None


class Interval:
    """The first frame, and then one every `every_s` seconds."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._due_s: float | None = None
        self._seen_s = 0.0

    def is_due(self, frame: Frame) -> bool:
        self._seen_s = frame.time_s
        return self._due_s is None or frame.time_s >= self._due_s - TIME_STAMP_GRACE_S

    def mark_taken(self) -> None:
        due_s = self._seen_s if self._due_s is None else self._due_s
        late = self._seen_s - due_s >= self._every_s
        self._due_s = (self._seen_s if late else due_s) + self._every_s


class Motion:
    """Something new is there, and has come to rest.

    A frame is due when more than `share` of the picture differs from the one taken last and from the first
    of all (the empty scene, which nobody wants under a label), and no more than that has changed for 0.3 s.
    Where it never comes to rest, one is taken all the same after 5 s.
    """

    def __init__(self, share: float = MOTION_SHARE) -> None:
        self._share = share
        self._empty: Thumbnail | None = None
        self._last: Thumbnail | None = None
        self._still: tuple[Thumbnail, float] | None = None
        self._new_since_s: float | None = None
        self._seen: Thumbnail | None = None

    def is_due(self, frame: Frame) -> bool:
        now, time_s = thumbnail(frame.pixels), frame.time_s
        self._seen = now
        if self._empty is None or self._last is None:
            self._empty = self._last = now
        if self._still is None or changed_share(self._still[0], now) > self._share:
            self._still = now, time_s
        is_new = all(changed_share(before, now) > self._share for before in (self._last, self._empty))
        if not is_new:
            self._new_since_s = None
            return False
        if self._new_since_s is None:
            self._new_since_s = time_s
        now_s = time_s + TIME_STAMP_GRACE_S
        return now_s - self._still[1] >= REST_S or now_s - self._new_since_s >= MAX_UNREST_S

    def mark_taken(self) -> None:
        self._last, self._new_since_s = self._seen, None
