"""A live source: the newest frame wins.

The capture's thread watches over another one that reads, abandons it when its pictures are late, and has a
lost camera opened again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.capture.capture import Capture, CaptureOptions
from edge.capture.inbox import Inbox
from edge.capture.reader_thread import Arrival, ReaderThread
from edge.capture.reconnect import POLL_S, Reconnect
from edge.capture.sources.reader import Reader
from edge.capture.timeouts import FrameTimeout
from edge.capture.views import View
from edge.errors import CameraUnavailableError
from edge.records import Frame

log = logging.getLogger(__name__)

# A reader that has just failed closes at once, or hangs; a longer wait would only delay the next try.
CLOSE_TIMEOUT_S = 0.3
# At the end a read that hangs may run into its own time-out (READ_TIMEOUT_MS): nobody waits for the camera.
CLOSE_AT_END_TIMEOUT_S = 6.0


class LiveCapture(Capture):
    """The thread of one live camera."""

    live = True

    def __init__(
        self, camera: str, open_reader: Callable[[], Reader], inbox: Inbox, options: CaptureOptions
    ) -> None:
        super().__init__(camera, open_reader, inbox, options)
        self._frame_timeout = FrameTimeout(self._opener.silence_s)
        self._reconnect = Reconnect(
            camera, self._opener.is_reachable, options.first_retry_s, options.open_limit_s
        )

    def _read(self) -> None:
        while not self._stop.is_set():
            self._reconnect.check_abandoned(self.status.detail)
            thread = ReaderThread(f"read-{self.camera}", self._opener, self._rate, self._options.reduction)
            try:
                self._follow(thread)
            except CameraUnavailableError as error:
                self.status.enter(self.camera, "lost", str(error))
                self._frame_timeout.reset()
                self._reconnect.abandon(thread, CLOSE_TIMEOUT_S)
                self._reconnect.wait(thread.started_s, self._stop, self._report_alive)
            else:
                self._reconnect.abandon(thread, CLOSE_AT_END_TIMEOUT_S)
        self.status.enter(self.camera, "ended")

    def _follow(self, thread: ReaderThread) -> None:
        """Deliver what the thread reads until told to stop; raises CameraUnavailableError once it is late."""
        arrival = self._wait_for_first(thread)
        if arrival is None:
            return
        first_s = last_s = arrival.received_s
        self._take(arrival)
        while not self._stop.is_set():
            self._report_alive()
            limit_s = self._frame_timeout.limit_s
            arrival = self._next(thread, last_s + limit_s)
            if arrival is not None:
                self._frame_timeout.learn(arrival.received_s - last_s)
                last_s = arrival.received_s
                self._reconnect.record_delivery(first_s, last_s)
                self._take(arrival)
            elif time.monotonic() >= last_s + limit_s:
                what = f"the camera {self.camera} is lost"
                raise CameraUnavailableError(what, f"no picture in {limit_s:.1f} s")

    def _wait_for_first(self, thread: ReaderThread) -> Arrival | None:
        """The first arrival, None if told to stop before; raises CameraUnavailableError."""
        limit_s = self._reconnect.open_limit_s
        while not self._stop.is_set():
            self._report_alive()
            arrival = self._next(thread, thread.started_s + limit_s)
            if arrival is not None:
                self._reconnect.record_opening(arrival.received_s - thread.started_s)
                return arrival
            if time.monotonic() >= thread.started_s + limit_s:
                self._reconnect.record_hang()
                why = f"no picture {limit_s:g} s after opening it"
                raise CameraUnavailableError(f"the camera {self.camera} hangs", why, "is it there?")
        return None

    def _next(self, thread: ReaderThread, deadline_s: float) -> Arrival | None:
        return thread.take(max(0.0, min(deadline_s - time.monotonic(), POLL_S)))

    def _take(self, arrival: Arrival) -> None:
        received_s = arrival.received_s
        self.status.answered_s = received_s
        self.status.skip(arrival.skipped, received_s)
        if arrival.picture is not None:
            self._count_missed(arrival.missed)
            captured_at = time.time() - (time.monotonic() - received_s)
            self._deliver(arrival.picture, time_s=received_s, captured_at=captured_at, received_s=received_s)
        self.status.skip(arrival.skipped_after, received_s)
        self.status.enter(self.camera, "delivering")

    def _count_missed(self, count: int) -> None:
        self.status.frames_in += count
        self.status.replaced += count
        for view in self._views:
            view.replaced += count

    def _report_alive(self) -> None:
        self.status.alive_s = time.monotonic()

    def _accepts(self, view: View, whole: Frame) -> bool:
        """A region that can't be cut out is a problem of this view alone: the others go on."""
        why = view.find_region_problem(whole.pixels)
        problem = f"can't cut out its region: {why}" if why else ""
        if problem and not view.problem:
            log.error("camera %s: %s", view.name, problem)
        elif view.problem and not problem:
            log.info("camera %s: its region lies inside the picture again", view.name)
        view.problem = problem
        if not problem:
            view.received_s = whole.received_s
        return not problem

    def _put(self, view: View, frame: Frame) -> bool:
        replaced = self._inbox.put_newest(frame)
        view.replaced += replaced
        self.status.replaced += replaced
        return True
