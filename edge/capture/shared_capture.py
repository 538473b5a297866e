"""One capture thread may serve several views: the loop sees a capture for each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from edge.capture.capture import Capture, CaptureOptions
from edge.capture.inbox import Inbox
from edge.capture.live_capture import LiveCapture
from edge.capture.recording_capture import RecordingCapture
from edge.capture.sources.reader import Reader
from edge.capture.status import CaptureStatus
from edge.capture.views import View


class SharedCapture:
    """The share that one view has in a thread, which starts with the first of them and ends with the last."""

    def __init__(self, capture: Capture, view: View, running: set[str]) -> None:
        """running: the names of the views that have started, the same set for all that share."""
        self.camera, self.live = view.name, capture.live
        self._capture, self._view, self._running = capture, view, running

    @property
    def status(self) -> CaptureStatus:
        """The thread's account, with this view's own counters; lost where its region can't be cut out."""
        shared, view = self._capture.status, self._view
        own = dataclasses.replace(shared, replaced=view.replaced, skipped=shared.skipped + view.skipped)
        if not view.problem or shared.finished:
            return own
        detail = shared.detail or view.problem
        return dataclasses.replace(own, state="lost", detail=detail, received_s=view.received_s)

    def start(self) -> None:
        """Start reading, unless another view has."""
        if not self._running:
            self._capture.start()
        self._running.add(self.camera)

    def ask_to_stop(self) -> None:
        """Ask the thread to end, if no other view needs it."""
        self._running.discard(self.camera)
        if not self._running:
            self._capture.ask_to_stop()

    def join(self) -> None:
        """Wait for the thread, if it has been asked to stop; raises ThreadStuckError."""
        if not self._running:
            self._capture.join()


def make_capture(
    camera: str,
    open_reader: Callable[[], Reader],
    inbox: Inbox,
    options: CaptureOptions,
    *,
    live: bool,
) -> Capture:
    """The capture of a live source, or of a recording."""
    kind = LiveCapture if live else RecordingCapture
    return kind(camera, open_reader, inbox, options)


def share_capture(capture: Capture, views: Sequence[View]) -> list[SharedCapture]:
    """A capture for each view."""
    running: set[str] = set()
    return [SharedCapture(capture, view, running) for view in views]
