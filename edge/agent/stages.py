"""What the loop asks of each stage, as small protocols, and the stages put together.

Any object that answers to a protocol will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge.monitoring.health import CaptureCounters
from edge.preprocess import Image
from edge.publish.remote.commands import SetEnabled, SetThreshold
from edge.publish.sink import Sink
from edge.records import Decision, Frame, Scores, UnknownReason


class FrameClassifier(Protocol):
    """Scores for a picture."""

    def classify(self, image: Image) -> Scores: ...

    def classify_prepared(self, pixels: Image) -> Scores: ...


class DecisionMaker(Protocol):
    """Decisions of one camera."""

    def observe(self, frame: Frame, scores: Scores, age_ms: float = 0.0) -> Decision: ...

    def missing(self, reason: UnknownReason, timestamp: float, frame: Frame | None = None) -> Decision: ...

    def set_threshold(self, threshold: float) -> None: ...


class CaptureReport(CaptureCounters, Protocol):
    """A capture thread's own account."""

    detail: str
    error: Exception | None
    received_s: float | None
    answered_s: float | None
    alive_s: float

    @property
    def finished(self) -> bool: ...


class FrameCapture(Protocol):
    """The capture thread of one camera."""

    @property
    def camera(self) -> str: ...

    @property
    def live(self) -> bool: ...

    @property
    def status(self) -> CaptureReport: ...

    def start(self) -> None: ...

    def ask_to_stop(self) -> None: ...

    def join(self) -> None: ...


class FrameInbox(Protocol):
    """Where captures leave their frames."""

    def take(self, timeout_s: float) -> Frame | None: ...

    def is_empty(self, camera: str) -> bool: ...

    def remove_camera(self, camera: str) -> None: ...


class Scrapes(Protocol):
    """Who asks for the record between two messages on `stats`."""

    @property
    def wanted(self) -> bool: ...

    def answer(self, record: Mapping[str, Any]) -> None: ...


class StatsWriter(Protocol):
    """Who keeps the last message on `stats` for this machine itself."""

    def write(self, record: Mapping[str, Any]) -> None: ...


class CommandSource(Protocol):
    """Commands from outside."""

    def take(self) -> Iterable[SetEnabled | SetThreshold]: ...

    def done(self, command: SetEnabled | SetThreshold, refusal: str = "") -> None: ...

    def seen(self, frame: Frame) -> None: ...


class EventNumbers(Protocol):
    """Numbers for each camera's events."""

    def current(self, camera: str) -> int: ...

    def advance(self, camera: str) -> int: ...


@dataclass(slots=True)
class Camera:
    """One camera under the agent's eyes; the times are on the monotonic clock, in seconds.

    announced: something has been said of it; started: it is read.
    """

    capture: FrameCapture
    decider: DecisionMaker
    announced: bool = False
    started: bool = False
    started_s: float = 0.0
    first_time_s: float | None = None
    refresh_due_s: float = 0.0
    scores_due_s: float = float("-inf")
    online: bool | None = None
    enabled: bool = True
    done: bool = False


@dataclass(frozen=True, slots=True)
class Stages:
    """What the loop works with."""

    cameras: Sequence[Camera]
    inbox: FrameInbox
    classifier: FrameClassifier
    sinks: Sequence[Sink]
    numbers: EventNumbers
    scrapes: Scrapes | None = None
    control: CommandSource | None = None
    stats_file: StatsWriter | None = None
