"""STAGE 1: one thread a camera turns a source into frames.

Live: the newest frame wins, and a lost camera is opened again with jittered back-off. Recordings: every
frame in order, prepared for the model in this thread, so that the main loop can keep the interpreter busy.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.errors import CameraUnavailableError, EdgeError, RecordingError, ThreadStuckError
from edge.inbox import Inbox
from edge.preprocess import Image
from edge.readers import Picture, Reader
from edge.records import Frame
from edge.views import View

log = logging.getLogger(__name__)

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
JOIN_TIMEOUT_S = 12.0
TIME_STAMP_GRACE_S = 5e-4  # containers round their time stamps to milliseconds
CaptureState = Literal["starting", "delivering", "lost", "ended", "failed"]


@dataclass(slots=True)
class CaptureStatus:
    """What a capture thread has to say; written by it alone, read by others.

    received_s: the monotonic clock when the last picture came, in seconds.
    """

    state: CaptureState = "starting"
    detail: str = ""
    error: Exception | None = None
    received_s: float | None = None
    frames_in: int = 0
    replaced: int = 0
    skipped: int = 0
    reconnects: int = 0

    @property
    def finished(self) -> bool:
        """True once no frame can come any more."""
        return self.state in ("ended", "failed")


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """live: newest wins, never ends. fps: hand over at most so many a second. prepare: see Frame.prepared.

    views: the cameras that it serves; none: one of the capture's own name, of whole pictures.
    """

    live: bool
    fps: float | None = None
    prepare: Callable[[Image], Image] | None = None
    views: tuple[View, ...] = ()


class Capture:
    """The thread of one camera."""

    def __init__(
        self, camera: str, open_reader: Callable[[], Reader], inbox: Inbox, options: CaptureOptions
    ) -> None:
        self.camera = camera
        self.live = options.live
        self.status = CaptureStatus()
        self._open_reader, self._inbox, self._options = open_reader, inbox, options
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture-{camera}", daemon=True)
        self._opened_at = 0.0
        self._due_s = float("-inf")
        self._views = options.views or (View(camera),)
        for view in self._views:
            inbox.add_camera(view.name)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask the thread to end after the read that it is in."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the thread; raises ThreadStuckError if it does not end in time."""
        if self._thread.ident is None:
            return
        self._thread.join(JOIN_TIMEOUT_S)
        if self._thread.is_alive():
            raise ThreadStuckError(
                f"camera {self.camera}: its thread did not stop", f"{JOIN_TIMEOUT_S:g} s passed"
            )

    def _run(self) -> None:
        try:
            self._read_recording() if not self.live else self._read_live()
        except Exception as error:  # the thread's last line of defence: the agent must hear of it
            self.status.error = error
            self._enter("failed", str(error))
            if not isinstance(error, EdgeError):
                log.exception("camera %s: unexpected failure", self.camera)

    def _read_recording(self) -> None:
        with contextlib.closing(self._open_reader()) as reader:
            self._opened_at = time.time()
            while not self._stop.is_set() and (picture := reader.read()) is not None:
                self._enter("delivering")
                if not self._deliver(picture):
                    break
        self._enter("ended", f"{self.status.frames_in} frames")

    def _read_live(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                with contextlib.closing(self._open_reader()) as reader:
                    while not self._stop.is_set():
                        picture = reader.read()
                        if picture is not None:
                            self._deliver(picture)
                        retry_s = FIRST_RETRY_S
                        self._enter("delivering")
            except CameraUnavailableError as error:
                self._enter("lost", str(error))
                self._stop.wait(retry_s * random.uniform(0.5, 1.0))  # noqa: S311 (spread, not secrecy)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
        self._enter("ended")

    def _deliver(self, picture: Picture) -> bool:
        """Hand the picture over if it is due; false once nobody takes frames any more."""
        self._check_views(picture)
        received_s, index = time.monotonic(), self.status.frames_in
        self.status.frames_in += 1
        self.status.received_s = received_s
        time_s = received_s if picture.position_s is None else picture.position_s
        if not self._is_due(time_s):
            self.status.skipped += 1
            return True
        whole = Frame(
            camera=self.camera,
            index=index,
            pixels=picture.pixels,
            time_s=time_s,
            captured_at=time.time() if picture.position_s is None else self._opened_at + time_s,
            received_s=received_s,
        )
        taken = [self._hand_over(view, whole) for view in self._views]
        return any(taken)

    def _hand_over(self, view: View, whole: Frame) -> bool:
        frame = view.frame_of(whole, self._options.prepare)
        if frame is None:
            return True
        if not self.live:
            return self._inbox.put_next(frame)
        replaced = self._inbox.put_newest(frame)
        view.replaced += replaced
        self.status.replaced += replaced
        return True

    def _check_views(self, picture: Picture) -> None:
        for view in self._views:
            try:
                view.check(picture.pixels)
            except ValueError as error:
                failure = CameraUnavailableError if self.live else RecordingError
                what = f"can't cut out the region of camera {view.name}"
                raise failure(what, str(error), "give one inside the picture") from error

    def _is_due(self, time_s: float) -> bool:
        if not self._options.fps:
            return True
        if time_s < self._due_s - TIME_STAMP_GRACE_S:
            return False
        interval_s = 1 / self._options.fps
        late = time_s - self._due_s >= interval_s
        self._due_s = (time_s if late else self._due_s) + interval_s
        return True

    def _enter(self, state: CaptureState, detail: str = "") -> None:
        if (state, detail) == (self.status.state, self.status.detail):
            return
        level = logging.WARNING if state in ("lost", "failed") else logging.INFO
        self.status.reconnects += state == "delivering" and self.status.state == "lost"
        log.log(level, "camera %s: %s%s", self.camera, state, f" ({detail})" if detail else "")
        self.status.state, self.status.detail = state, detail
