"""Is the agent getting on? Frames → inference → publish, judged from what was seen; it holds no clock.

A step counts as hung only after longer than its own time-outs allow. What is merely away is handled, and no
reason to start again: a camera that is lost while its thread goes on trying, a broker that is not there, a
frame that was declared too old. All times are seconds on one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge.publish.sink import SinkLiveness


@dataclass(frozen=True, slots=True)
class ProgressLimits:
    """How long each step may take, in seconds, before it counts as hung.

    capture_s: the silence of a live camera's thread; a read takes 10 s at most (V4L2), a name server up to
    30. frameless_s: a live camera that says it delivers, without a picture. answer_s: a frame that waits for
    its turn or is in inference. broker_s: the silence of the broker's thread. acknowledge_s: events wait on
    a connection that stands and none is answered.
    """

    capture_s: float = 30.0
    frameless_s: float = 60.0
    answer_s: float = 60.0
    broker_s: float = 60.0
    acknowledge_s: float = 60.0


def acknowledge_limit_s(keepalive_s: float) -> float:
    """The limit where a dead connection is found out after twice this keep-alive: after that, with room."""
    return max(60.0, 2 * keepalive_s + 20)


@dataclass(frozen=True, slots=True)
class CameraSign:
    """What is seen of a camera: delivering as it says itself, alive_s when its thread last moved.

    answered_s: when its source last said anything, None before that; waits: a frame of it is in the inbox.
    """

    live: bool
    delivering: bool
    alive_s: float
    answered_s: float | None
    waits: bool


@dataclass(slots=True)
class _Camera:
    started_s: float
    sign: CameraSign | None = None
    waits_since_s: float | None = None


@dataclass(slots=True)
class _Sink:
    liveness: SinkLiveness
    moved_s: float


class Progress:
    """Remembers the last sign of each camera and sink, and names the first that is hung."""

    def __init__(self, limits: ProgressLimits | None = None) -> None:
        self._limits = limits or ProgressLimits()
        self._cameras: dict[str, _Camera] = {}
        self._sinks: dict[int, _Sink] = {}

    def camera_started(self, camera: str, now_s: float) -> None:
        """From now on this camera is watched."""
        self._cameras[camera] = _Camera(now_s)

    def camera_done(self, camera: str) -> None:
        """Nothing more is expected of this camera."""
        self._cameras.pop(camera, None)

    def camera_seen(self, camera: str, sign: CameraSign, now_s: float) -> None:
        """A look at a camera."""
        watched = self._cameras[camera]
        watched.sign = sign
        if not sign.waits:
            watched.waits_since_s = None
        elif watched.waits_since_s is None:
            watched.waits_since_s = now_s

    def frame_answered(self, camera: str) -> None:
        """It came out of inference, or was declared too old for it."""
        if camera in self._cameras:
            self._cameras[camera].waits_since_s = None

    def sink_seen(self, number: int, liveness: SinkLiveness, now_s: float) -> None:
        """A look at a sink, which is known by its number."""
        sink = self._sinks.setdefault(number, _Sink(liveness, now_s))
        idle = liveness.problem is not None or liveness.waiting == 0
        if idle or liveness.answered != sink.liveness.answered:
            sink.moved_s = now_s
        sink.liveness = liveness

    def hung(self, now_s: float) -> str | None:
        """What has stopped getting on, in words that do not change while it lasts; None where nothing has."""
        return next(self._findings(now_s), None)

    def _findings(self, now_s: float) -> Iterator[str]:
        for name, camera in self._cameras.items():
            for finding in self._of_camera(camera, now_s):
                yield f"camera {name}: {finding}"
        for sink in self._sinks.values():
            if now_s - sink.liveness.alive_s > self._limits.broker_s:
                yield f"broker: its thread has not moved for {self._limits.broker_s:g} s"
            if now_s - sink.moved_s > self._limits.acknowledge_s:
                yield f"broker: connected, but has answered no event for {self._limits.acknowledge_s:g} s"

    def _of_camera(self, camera: _Camera, now_s: float) -> Iterator[str]:
        limits, sign = self._limits, camera.sign
        if sign is not None and sign.live:
            if now_s - max(sign.alive_s, camera.started_s) > limits.capture_s:
                yield f"its thread has not moved for {limits.capture_s:g} s"
            answered_s = camera.started_s if sign.answered_s is None else sign.answered_s
            if sign.delivering and now_s - answered_s > limits.frameless_s:
                yield f"it is said to deliver, but no picture came for {limits.frameless_s:g} s"
        if camera.waits_since_s is not None and now_s - camera.waits_since_s > limits.answer_s:
            yield f"a frame has been waiting for its scores for {limits.answer_s:g} s"
