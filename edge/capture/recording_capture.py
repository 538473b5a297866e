"""A recording: every frame in order, read and prepared for the model in the capture's own thread.

So the main loop can keep the interpreter busy.
"""

from __future__ import annotations

import contextlib
import time

from edge.capture.capture import Capture
from edge.capture.sources.reader import Picture
from edge.capture.views import View
from edge.errors import RecordingError
from edge.records import Frame


class RecordingCapture(Capture):
    """The thread of one recording, which waits while the inbox has no room."""

    live = False

    def _read(self) -> None:
        with contextlib.closing(self._opener()) as reader:
            opened_at = time.time()
            while not self._stop.is_set() and (picture := reader.read()) is not None:
                self.status.enter(self.camera, "delivering")
                if not self._take(picture, opened_at):
                    break
        self.status.enter(self.camera, "ended", f"{self.status.frames_in} frames")

    def _take(self, picture: Picture, opened_at: float) -> bool:
        """Deliver the picture if it is due on the recording's own time line, which begins at its opening."""
        now_s = time.monotonic()
        position_s = picture.position_s
        time_s = now_s if position_s is None else position_s
        if not self._rate.is_due(time_s):
            self.status.skip(1, now_s)
            return True
        self._rate.advance(time_s)
        captured_at = time.time() if position_s is None else opened_at + position_s
        return self._deliver(picture, time_s=time_s, captured_at=captured_at, received_s=now_s)

    def _accepts(self, view: View, whole: Frame) -> bool:
        why = view.find_region_problem(whole.pixels)
        if why:
            raise RecordingError(f"can't cut out the region of camera {view.name}", why)
        return True

    def _put(self, view: View, frame: Frame) -> bool:
        return self._inbox.put_next(frame)
