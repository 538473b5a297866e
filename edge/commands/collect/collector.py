"""`edge-agent collect`: frames of a camera → photographs in class folders, for training. Needs no model."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge.capture.capture import CaptureOptions
from edge.capture.inbox import Inbox
from edge.capture.shared_capture import make_capture, share_capture
from edge.capture.sources.address import Source, default_name
from edge.capture.sources.registry import make_opener
from edge.capture.views import View
from edge.commands.collect.keyboard import END
from edge.commands.collect.photo_store import PhotoStore
from edge.commands.collect.triggers import KeyPress, Trigger
from edge.errors import CameraUnavailableError
from edge.records import Frame
from edge.region import Region

# Keys are answered within this time, which feels immediate.
TICK_S = 0.05
# A webcam's exposure needs about this long to settle.
SETTLE_S = 1.0


class Console(Protocol):
    """Where a person watches, and perhaps presses keys."""

    def note(self, text: str) -> None:
        """Say something once."""

    def status(self, text: str) -> None:
        """How things stand now, in place of what this said before."""

    def read_keys(self) -> str:
        """The keys pressed since the last call; empty where there is no keyboard."""


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """count and duration_s end it, None never does; settle_s: pass over a camera's first moments."""

    count: int | None = None
    duration_s: float | None = None
    settle_s: float = 0.0
    require_camera: bool = False


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    stored: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    elsewhere: int = 0

    @property
    def summary(self) -> str:
        """One line for people."""
        each = ", ".join(f"{label} {count}" for label, count in self.stored.items())
        parts = [f"stored {self.stored.total()}" + (f" ({each})" if len(self.stored) > 1 else "")]
        parts.append(f"skipped {self.skipped} near duplicate{'' if self.skipped == 1 else 's'}")
        if self.elsewhere:
            verb = "looks" if self.elsewhere == 1 else "look"
            parts.append(f"{self.elsewhere} of the stored {verb} like another class")
        return ", ".join(parts)


class Feed:
    """One camera being read."""

    def __init__(self, source: Source, region: Region | None = None) -> None:
        """`region`: what of its pictures is kept. Raises UsageError for a test:// address without sense."""
        name = default_name(source)
        self.inbox = Inbox()
        views = (View(name, region),)
        options = CaptureOptions(views=views)
        capture = make_capture(name, make_opener(source), self.inbox, options, live=source.live)
        (self.capture,) = share_capture(capture, views)

    @contextlib.contextmanager
    def running(self) -> Iterator[Feed]:
        """Read in a thread of its own while the context lasts."""
        self.capture.start()
        try:
            yield self
        finally:
            self.inbox.remove_camera(self.capture.camera)
            self.capture.ask_to_stop()
            self.capture.join()


class Collector:
    """Takes photographs of one camera until it has enough, or is told to stop."""

    def __init__(
        self,
        feed: Feed,
        photo_store: PhotoStore,
        triggers: Sequence[Trigger],
        options: CollectOptions,
        console: Console,
    ) -> None:
        self._feed, self._photo_store, self._options, self._console = feed, photo_store, options, console
        self._press = next((trigger for trigger in triggers if isinstance(trigger, KeyPress)), None)
        self._triggers = triggers
        self._label = photo_store.labels[0]
        self.tally = Tally()
        self._first_s: float | None = None
        self._told, self._last = "", ""
        self._done = False

    @property
    def uses_keys(self) -> bool:
        """True if somebody has to press keys."""
        return self._press is not None

    def run(self, stopped: Callable[[], bool]) -> None:
        """Work; raises StorageError, or the error of a camera or recording that can't go on."""
        started_s = time.monotonic()
        while not (self._done or stopped()):
            self._handle_keys(self._console.read_keys())
            frame = self._feed.inbox.take(TICK_S)
            if frame is not None and not self._done:
                self._handle_frame(frame)
            self._check_camera(time.monotonic() - started_s)
            self._console.status(self._format_status())

    def _handle_keys(self, keys: str) -> None:
        for key in keys if self._press else "":
            if key in " \r\n" and self._press:
                self._press.ask(time.monotonic())
            elif key in f"qQ{END}":
                self._done = True
            elif key.isdecimal() and 0 < int(key) <= len(self._photo_store.labels):
                self._label, self._last = self._photo_store.labels[int(key) - 1], ""

    def _handle_frame(self, frame: Frame) -> None:
        if self._first_s is None:
            self._first_s = frame.time_s
        since_s = frame.time_s - self._first_s - self._options.settle_s
        duration_s = self._options.duration_s
        if duration_s is not None and since_s >= duration_s:
            self._done = True
        elif since_s >= 0:
            due = [trigger.is_due(frame) for trigger in self._triggers]  # each must see each frame
            if all(due):
                self._take_photo(frame)

    def _take_photo(self, frame: Frame) -> None:
        for trigger in self._triggers:
            trigger.mark_taken()
        stored = self._photo_store.store(self._label, frame.pixels, frame.captured_at)
        if stored.path is None:
            self.tally.skipped += 1
            self._last = f"skipped, like {stored.like}"
            return
        self.tally.stored[self._label] += 1
        self._last = f"stored {stored.path.name}"
        if stored.elsewhere:
            self.tally.elsewhere += 1
            advice = "is the label right?"
            self._console.note(f"{self._label}/{stored.path.name} looks like {stored.elsewhere}: {advice}")
        self._done = self.tally.stored.total() == self._options.count

    def _check_camera(self, running_s: float) -> None:
        capture, duration_s = self._feed.capture, self._options.duration_s
        status = capture.status
        if capture.live and duration_s is not None and running_s >= duration_s + self._options.settle_s:
            self._done = True
        if status.finished and self._feed.inbox.is_empty(capture.camera):
            self._done = True
            if status.error is not None:
                raise status.error
        if status.state == "lost":
            self._wait_for_camera(status.detail)
        elif self._told and status.state == "delivering":
            self._told = ""
            self._console.note("the camera is there")

    def _wait_for_camera(self, detail: str) -> None:
        if self._options.require_camera and self._first_s is None:
            raise CameraUnavailableError(
                f"camera {self._feed.capture.camera} is required and not there", detail
            )
        if self._press:
            self._press.forget()
        if self._told != detail:
            self._told = detail
            self._console.note(f"waiting for the camera: {detail}")

    def _format_status(self) -> str:
        """Counts, what happened last, and what to do."""
        labels, stored = self._photo_store.labels, self.tally.stored
        if len(labels) == 1:
            counts = f"{self._label}: {stored[self._label]} stored"
        else:
            each = [f"{n} {label} {stored[label]}" for n, label in enumerate(labels, 1)]
            chosen = labels.index(self._label)
            counts = "  ".join([*each[:chosen], f"[{each[chosen]}]", *each[chosen + 1 :]])
        parts = [f"{counts}, {self.tally.skipped} skipped", self._last, "Ctrl-C ends"]
        if self._told or self._first_s is None:
            parts[1] = "no picture yet"
        if self._press:
            choice = f"1-{len(labels)} choose, " if len(labels) > 1 else ""
            parts[2] = f"space takes one, {choice}q ends"
        return " | ".join(part for part in parts if part)
