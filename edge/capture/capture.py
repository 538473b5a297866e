"""STAGE 1: one thread a camera turns a source into frames.

Live: the newest frame wins; this thread watches over another one that reads, gives it up when it is late,
and has a lost camera opened again with jittered back-off. Recordings: every frame in order, read and
prepared for the model in this thread, so that the main loop can keep the interpreter busy.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.capture.inbox import Inbox
from edge.capture.rate_limit import RateLimit
from edge.capture.reachability import Lookout
from edge.capture.reader_thread import ReaderThread
from edge.capture.sources.reader import Opener, Picture, Reader, Reduction
from edge.capture.status import CaptureStatus
from edge.capture.timeouts import FIRST_RETRY_S, Backoff, Pace
from edge.capture.views import View
from edge.errors import CameraUnavailableError, EdgeError, RecordingError, ThreadStuckError
from edge.preprocess import Image
from edge.records import Frame

log = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 12.0
OPEN_LIMIT_S = 8.0  # to the first picture; longer than OpenCV's own time-out, which tells more
LOOK_AROUND_S = 0.25
CLOSE_TIMEOUT_S, CLOSE_AT_END_TIMEOUT_S = 0.3, 6.0
MOST_STUCK = 4


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """live: newest wins, never ends. fps: hand over at most so many a second. prepare: see Frame.model_input.

    views: the cameras that it serves; none: one of the capture's own name, of whole pictures. reduction: how
    much smaller than it is a live picture may be decoded, None: not at all.
    Of live cameras, in seconds: the first picture comes within open_limit_s of opening, or else it hangs;
    first_retry_s is the delay before a lost one is opened again, which then grows.
    """

    live: bool
    fps: float | None = None
    prepare: Callable[[Image], Image] | None = None
    views: tuple[View, ...] = ()
    reduction: Reduction | None = None
    open_limit_s: float = OPEN_LIMIT_S
    first_retry_s: float = FIRST_RETRY_S


class Capture:
    """The thread of one camera."""

    def __init__(
        self, camera: str, open_reader: Callable[[], Reader], inbox: Inbox, options: CaptureOptions
    ) -> None:
        self.camera = camera
        self.live = options.live
        self.status = CaptureStatus()
        self._opener = open_reader if isinstance(open_reader, Opener) else Opener(open_reader)
        self._inbox, self._options = inbox, options
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture-{camera}", daemon=True)
        self._opened_at = 0.0
        self._rate = RateLimit(options.fps)
        self._pace, self._backoff = Pace(self._opener.silence_s), Backoff(options.first_retry_s)
        is_there = self._opener.is_there
        self._lookout = Lookout(f"look-{camera}", is_there) if is_there else None
        self._stuck: list[ReaderThread] = []
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
            self.status.enter(self.camera, "failed", str(error))
            if not isinstance(error, EdgeError):
                log.exception("camera %s: unexpected failure", self.camera)

    def _read_recording(self) -> None:
        with contextlib.closing(self._opener()) as reader:
            self._opened_at = time.time()
            while not self._stop.is_set() and (picture := reader.read()) is not None:
                self.status.enter(self.camera, "delivering")
                now_s = time.monotonic()
                if self._is_skipped(picture, now_s):
                    self.status.skip(1, now_s)
                elif not self._deliver(picture, now_s):
                    break
        self.status.enter(self.camera, "ended", f"{self.status.frames_in} frames")

    def _read_live(self) -> None:
        while not self._stop.is_set():
            thread = self._begin_reading()
            try:
                self._follow(thread)
            except CameraUnavailableError as error:
                self.status.enter(self.camera, "lost", str(error))
                self._pace.forget()
                self._leave(thread, CLOSE_TIMEOUT_S)
                self._pause(self._backoff.next_s(thread.started_s, time.monotonic()))
            else:
                self._leave(thread, CLOSE_AT_END_TIMEOUT_S)
        self.status.enter(self.camera, "ended")

    def _begin_reading(self) -> ReaderThread:
        """A new thread that opens and reads; raises ThreadStuckError while too many old ones hang."""
        if self._count_stuck() > MOST_STUCK:
            why = f"{len(self._stuck)} threads that read from it hang ({self.status.detail})"
            raise ThreadStuckError(f"camera {self.camera} can't be opened again", why, "start the agent anew")
        return ReaderThread(f"read-{self.camera}", self._opener, self._rate, self._options.reduction)

    def _follow(self, thread: ReaderThread) -> None:
        """Deliver what the thread reads until told to stop; raises CameraUnavailableError once it is late."""
        first_s, last_s, limit_s = None, thread.started_s, self._options.open_limit_s
        while not self._stop.is_set():
            self._touch()
            left_s = last_s + limit_s - time.monotonic()
            arrival = thread.take(max(0.0, min(left_s, LOOK_AROUND_S)))
            if arrival is None and left_s <= 0:
                raise self._silence(limit_s, opening=first_s is None)
            if arrival is None:
                continue
            if first_s is None:
                first_s = arrival.received_s
                self._forget_absence()
            else:
                self._pace.learn(arrival.received_s - last_s)
                self._backoff.delivered(first_s, arrival.received_s)
            last_s, limit_s = arrival.received_s, self._pace.limit_s
            self.status.answered_s = last_s
            self.status.skip(arrival.skipped, last_s)
            if arrival.picture is not None:
                self._count_missed(arrival.missed)
                self._deliver(arrival.picture, last_s)
            self.status.skip(arrival.skipped_after, last_s)
            self.status.enter(self.camera, "delivering")

    def _count_missed(self, count: int) -> None:
        self.status.frames_in += count
        self.status.replaced += count
        for view in self._views:
            view.replaced += count

    def _is_skipped(self, picture: Picture, now_s: float) -> bool:
        """Whether this picture of a recording is not due; those of a live camera are skipped unseen."""
        time_s = now_s if picture.position_s is None else picture.position_s
        if not self._rate.is_due(time_s):
            return True
        self._rate.passed(time_s)
        return False

    def _touch(self) -> None:
        self.status.alive_s = time.monotonic()

    def _forget_absence(self) -> None:
        if self._lookout is not None:
            self._lookout.forget()

    def _silence(self, limit_s: float, *, opening: bool) -> CameraUnavailableError:
        if opening:
            why = f"no picture {limit_s:g} s after opening it"
            return CameraUnavailableError(f"the camera {self.camera} hangs", why, "is it there?")
        return CameraUnavailableError(f"the camera {self.camera} is lost", f"no picture in {limit_s:.1f} s")

    def _leave(self, thread: ReaderThread, timeout_s: float) -> None:
        """A thread that hangs in a call is left alone: it closes its reader when the call comes back."""
        if not thread.end(timeout_s):
            log.debug("camera %s: a thread that reads from it hangs", self.camera)
            self._stuck.append(thread)

    def _count_stuck(self) -> int:
        self._stuck = [thread for thread in self._stuck if thread.is_alive]
        return len(self._stuck)

    def _pause(self, delay_s: float) -> None:
        """Wait before the next try; a camera that returns, or a stuck thread that lets go, ends it."""
        until_s, stuck = time.monotonic() + delay_s, self._count_stuck()
        while (left_s := until_s - time.monotonic()) > 0 and not self._stop.wait(min(left_s, LOOK_AROUND_S)):
            self._touch()
            if self._lookout is not None and self._lookout.sees_return():
                self._backoff.reset()
                return
            if self._count_stuck() < stuck:
                return

    def _deliver(self, picture: Picture, received_s: float) -> bool:
        """Hand the picture over; false once nobody takes frames any more."""
        index = self.status.frames_in
        self.status.frames_in += 1
        self.status.received_s = received_s
        time_s = received_s if picture.position_s is None else picture.position_s
        whole = Frame(
            camera=self.camera,
            index=index,
            pixels=picture.pixels,
            time_s=time_s,
            captured_at=self._captured_at(picture, received_s),
            received_s=received_s,
        )
        taken = [self._hand_over(view, whole) for view in self._views if self._fits(view, whole)]
        return any(taken)

    def _captured_at(self, picture: Picture, received_s: float) -> float:
        """UTC seconds: a live picture's arrival, a recording's own time line laid from its opening on."""
        if picture.position_s is None:
            return time.time() - (time.monotonic() - received_s)
        return self._opened_at + picture.position_s

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

    def _fits(self, view: View, whole: Frame) -> bool:
        """Can the view be cut out of it? Where not, a recording fails; of a camera the other views go on."""
        why = view.why_not(whole.pixels)
        if why and not self.live:
            raise RecordingError(f"can't cut out the region of camera {view.name}", why)
        problem = f"can't cut out its region: {why}" if why else ""
        if problem and not view.problem:
            log.error("camera %s: %s", view.name, problem)
        elif view.problem and not problem:
            log.info("camera %s: its region lies inside the picture again", view.name)
        view.problem = problem
        if not problem:
            view.received_s = whole.received_s
        return not problem
