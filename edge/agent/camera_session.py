"""One camera from its first word to its last: frames → infer → decide → publish."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edge.capture.inbox import Inbox
from edge.capture.rate_limit import RateLimit
from edge.capture.shared_capture import SharedCapture
from edge.decide.decider import Decider
from edge.errors import CameraUnavailableError
from edge.infer.classifier import Classifier
from edge.monitoring.health import Health
from edge.publish.publisher import Publisher
from edge.records import Frame, Scores, UnknownReason

MAX_SCORES_PER_S = 60.0  # of one camera's own time: more would flood a small broker


@dataclass(frozen=True, slots=True)
class SessionRules:
    """When a frame counts and when a camera ends; times in seconds, None never ends it."""

    frames: int | None = None
    duration_s: float | None = None
    max_frame_age_s: float = 2.0
    publish_scores: bool = False
    require_camera: bool = False


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What all cameras of an agent have in common."""

    inbox: Inbox
    classifier: Classifier
    publisher: Publisher
    health: Health


class CameraSession:
    """What the agent does with one camera; used by the loop's thread alone."""

    def __init__(
        self, capture: SharedCapture, decider: Decider, shared: SharedParts, rules: SessionRules | None = None
    ) -> None:
        self.camera, self.capture = capture.camera, capture
        self.enabled, self.done = True, False
        self.started_s: float | None = None  # on the monotonic clock, None before that
        self.first_time_s: float | None = None  # of the first frame, on the source's own time line
        self._announced = False
        self._decider, self._shared, self._rules = decider, shared, rules or SessionRules()
        self._scores_rate = RateLimit(MAX_SCORES_PER_S)
        shared.health.add_camera(self.camera)

    def announce(self, *, waits: bool) -> None:
        """From now on nobody must believe what was said before; `waits`: its frames come later."""
        self._announced = True
        self._publish_missing("starting")
        if waits:
            self._shared.publisher.set_online(self.camera, online=False)

    def start(self, now_s: float) -> None:
        """Begin to read."""
        self.started_s = now_s
        self.capture.start()

    def handle(self, frame: Frame) -> bool:
        """Answer a frame; true if it was fresh and the camera is enabled."""
        age_s = time.monotonic() - frame.received_s
        if self.capture.live and age_s > self._rules.max_frame_age_s:
            self._shared.health.stale(self.camera)
            self._lose("stale")
        elif not self.done:
            self._shared.publisher.set_online(self.camera, online=True)
            if self.enabled:
                self._judge(frame)
                return True
        return False

    def tick(self, now_s: float) -> None:
        """Notice silence and the end; raises the error of a live camera that can't go on."""
        rules, status = self._rules, self.capture.status
        if self.capture.live and self.started_s is not None:
            last_s = self.started_s if status.received_s is None else status.received_s
            if now_s - last_s > rules.max_frame_age_s:
                self._lose("no_frames")
                self._shared.publisher.set_online(self.camera, online=False)
                self._check_required()
            if rules.duration_s is not None and now_s - self.started_s >= rules.duration_s:
                self.finish()
        if status.finished and self._shared.inbox.is_empty(self.camera):
            self.finish()
            if self.capture.live and status.error is not None:
                raise status.error  # a live camera must not stay away in silence: systemd starts us again

    def set_threshold(self, threshold: float) -> None:
        """From now on every label's score must reach this, 0 to 1."""
        self._decider.set_threshold(threshold)

    def set_enabled(self, *, on: bool) -> None:
        """Judge frames from now on, or judge none."""
        if on is not self.enabled and not self.done:
            self.enabled = on
            self._publish_missing("starting" if on else "disabled")

    def finish(self) -> None:
        """The camera delivers no more: what it saw last must not stand as what it sees."""
        if self.done:
            return
        self.done = True
        self.capture.ask_to_stop()
        self._shared.inbox.remove_camera(self.camera)
        try:
            if self._announced:
                self._publish_missing("no_frames")
        finally:
            self._shared.publisher.retire(self.camera)

    def _judge(self, frame: Frame) -> None:
        if self.first_time_s is None:
            self.first_time_s = frame.time_s
        if frame.unusable is None:
            count = self._classify(frame)
        else:
            self._shared.publisher.publish(self._decider.missing(frame.unusable, frame.captured_at, frame))
            count = self._shared.health.unusable(self.camera)
        duration_s = self._rules.duration_s
        over = duration_s is not None and frame.time_s - self.first_time_s >= duration_s
        if count == self._rules.frames or over:
            self.finish()

    def _classify(self, frame: Frame) -> int:
        """How many of the camera's frames were judged so far."""
        shared, classifier = self._shared, self._shared.classifier
        if frame.model_input is None:
            scores = classifier.classify(frame.pixels)
        else:
            scores = classifier.classify_input(frame.model_input)
        age_ms = self._observe(frame, scores)
        if self._rules.publish_scores and self._scores_rate.is_due(frame.time_s):
            self._scores_rate.advance(frame.time_s)
            shared.publisher.scores(frame, age_ms, scores.values)
        return shared.health.classified(self.camera, scores, age_ms)

    def _observe(self, frame: Frame, scores: Scores) -> float:
        """Decide and publish; the frame's age when its scores were there, in milliseconds."""
        now_s = time.monotonic()
        age_ms = (now_s - frame.received_s) * 1e3
        self._shared.publisher.publish(self._decider.observe(frame, scores, age_ms))
        published_s, health = time.monotonic(), self._shared.health
        health.sample("publish", (published_s - now_s) * 1e3)
        health.sample("frame_age", (published_s - frame.received_s) * 1e3)
        return age_ms

    def _lose(self, reason: UnknownReason) -> None:
        """Nothing is seen, for that reason; a disabled camera stays `disabled`."""
        if self.enabled:
            self._publish_missing(reason)

    def _publish_missing(self, reason: UnknownReason) -> None:
        decision = self._decider.missing(reason, time.time())
        if decision.changed:
            self._shared.publisher.publish(decision)

    def _check_required(self) -> None:
        detail = self.capture.status.detail
        if self._rules.require_camera and self.first_time_s is None and detail:
            raise CameraUnavailableError(f"camera {self.camera} is required and not there", detail)
