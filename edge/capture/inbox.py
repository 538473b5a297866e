"""The bounded hand-over from the capture threads to the main loop, fair between cameras.

A live camera has one place, and a newer frame replaces the one that waits there. A recording has a few
places, and its thread waits for room, so no frame is lost.
"""

from __future__ import annotations

import threading
from collections import deque

from edge.records import Frame

# A few, so that reading and classifying overlap; each holds a whole picture in memory.
RECORDING_DEPTH = 4


class Inbox:
    """Frames of several cameras on their way to one consumer."""

    def __init__(self) -> None:
        lock = threading.Lock()
        self._changed, self._room = threading.Condition(lock), threading.Condition(lock)
        self._waiting: dict[str, deque[Frame]] = {}

    def add_camera(self, camera: str) -> None:
        """Make room for a camera; cameras are served in turn."""
        with self._changed:
            self._waiting[camera] = deque()

    def put_newest(self, frame: Frame) -> bool:
        """Offer a live frame; true if it replaced one that nobody had taken."""
        with self._changed:
            places = self._waiting.get(frame.camera)
            if places is None:
                return False
            replaced = bool(places)
            places.clear()
            places.append(frame)
            self._changed.notify()
            return replaced

    def put_next(self, frame: Frame) -> bool:
        """Hand over a recording's frame, waiting for room; false if the camera was removed meanwhile."""
        with self._room:
            self._room.wait_for(lambda: len(self._waiting.get(frame.camera, ())) < RECORDING_DEPTH)
            places = self._waiting.get(frame.camera)
            if places is None:
                return False
            places.append(frame)
            self._changed.notify()
            return True

    def take(self, timeout_s: float) -> Frame | None:
        """The next frame of the camera that waited longest for its turn, or None after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: any(self._waiting.values()), timeout_s)
            for camera, places in self._waiting.items():
                if places:
                    frame = places.popleft()
                    self._waiting[camera] = self._waiting.pop(camera)  # to the end of the queue of cameras
                    self._room.notify_all()
                    return frame
            return None

    def is_empty(self, camera: str) -> bool:
        """True if nothing of this camera waits."""
        with self._changed:
            return not self._waiting.get(camera)

    def remove_camera(self, camera: str) -> None:
        """Take nothing more of this camera, and free its thread if it waits for room."""
        with self._changed:
            self._waiting.pop(camera, None)
            self._room.notify_all()
