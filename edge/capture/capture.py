"""STAGE 1: one thread a camera turns a source into frames.

`live_capture` and `recording_capture` are the two ways of reading; what both share is here.
"""

from __future__ import annotations

import abc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge.capture.inbox import Inbox
from edge.capture.rate_limit import RateLimit
from edge.capture.sources.reader import Opener, Picture, Reader, Reduction
from edge.capture.status import CaptureStatus
from edge.capture.timeouts import FIRST_RETRY_S, OPEN_LIMIT_S
from edge.capture.views import View
from edge.errors import EdgeError, ThreadStuckError
from edge.preprocess import Image
from edge.records import Frame

log = logging.getLogger(__name__)

# Closing at the end takes up to 6 s (live_capture); a thread that needs twice as long hangs.
JOIN_TIMEOUT_S = 12.0


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """fps: hand over at most so many frames a second. prepare: see Frame.model_input.

    views: the cameras that the capture serves; none: one of its own name, of whole pictures. reduction: how
    much smaller than it is a live picture may be decoded, None: not at all.
    For live cameras, in seconds: the first picture must come within open_limit_s of opening; first_retry_s is
    the delay before a lost camera is opened again, which then grows.
    """

    fps: float | None = None
    prepare: Callable[[Image], Image] | None = None
    views: tuple[View, ...] = ()
    reduction: Reduction | None = None
    open_limit_s: float = OPEN_LIMIT_S
    first_retry_s: float = FIRST_RETRY_S


class Capture(abc.ABC):
    """The thread of one camera."""

    live: bool

    def __init__(
        self, camera: str, open_reader: Callable[[], Reader], inbox: Inbox, options: CaptureOptions
    ) -> None:
        self.camera = camera
        self.status = CaptureStatus()
        self._opener = open_reader if isinstance(open_reader, Opener) else Opener(open_reader)
        self._inbox, self._options = inbox, options
        self._rate = RateLimit(options.fps)
        self._views = options.views or (View(camera),)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture-{camera}", daemon=True)
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

    @abc.abstractmethod
    def _read(self) -> None:
        """Read until the end, or until told to stop; runs in the thread."""

    @abc.abstractmethod
    def _accepts(self, view: View, whole: Frame) -> bool:
        """Whether the view can be cut out of this frame, and what follows where it can't."""

    @abc.abstractmethod
    def _put(self, view: View, frame: Frame) -> bool:
        """Put a frame into the inbox; false if nobody takes this camera's frames any more."""

    def _run(self) -> None:
        try:
            self._read()
        except Exception as error:  # the thread's last line of defence: the agent must hear of it
            self.status.error = error
            self.status.enter(self.camera, "failed", str(error))
            if not isinstance(error, EdgeError):
                log.exception("camera %s: unexpected failure", self.camera)

    def _deliver(self, picture: Picture, *, time_s: float, captured_at: float, received_s: float) -> bool:
        """Hand each view its part of the picture; false once nobody takes frames any more."""
        index = self.status.frames_in
        self.status.frames_in += 1
        self.status.received_s = received_s
        whole = Frame(
            camera=self.camera,
            index=index,
            pixels=picture.pixels,
            time_s=time_s,
            captured_at=captured_at,
            received_s=received_s,
        )
        taken = [self._hand_over(view, whole) for view in self._views if self._accepts(view, whole)]
        return any(taken)

    def _hand_over(self, view: View, whole: Frame) -> bool:
        frame = view.make_frame(whole, self._options.prepare)
        return frame is None or self._put(view, frame)
