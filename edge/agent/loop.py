"""The loop: the next fresh frame of any camera → infer → decide → publish, for weeks.

It knows the stages only through the protocols of stages.py; wiring.py builds the real ones.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass

from edge.agent.stages import Camera, CommandSource, Stages
from edge.agent.supervisor import Oversight
from edge.errors import BrokerUnavailableError, CameraUnavailableError
from edge.monitoring.notify import Notifier
from edge.monitoring.progress import ProgressLimits
from edge.publish.remote.commands import SetThreshold
from edge.records import Decision, Frame, Scores, UnknownReason

log = logging.getLogger(__name__)

TICK_S = 0.25
MAX_SCORES_PER_S = 60.0  # of one camera's own time: more would flood a small broker


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Times in seconds; `frames` and `duration_s` end a camera's run, None never does."""

    frames: int | None = None
    duration_s: float | None = None
    max_frame_age_s: float = 2.0
    heartbeat_s: float = 60.0
    stats_interval_s: float = 30.0
    start_after_s: float = 0.0
    drain_timeout_s: float = 5.0
    publish_scores: bool = False
    require_camera: bool = False
    require_broker_s: float | None = None
    progress: ProgressLimits | None = None


class Agent:
    """Runs until every camera is done or `stop` is set."""

    def __init__(
        self, stages: Stages, options: AgentOptions, stop: threading.Event, notifier: Notifier | None = None
    ) -> None:
        self._stages, self._options, self._stop = stages, options, stop
        self._notifier = notifier or Notifier({})
        self._cameras = {camera.capture.camera: camera for camera in stages.cameras}
        self._oversight = Oversight(stages, self._notifier, options.stats_interval_s, options.progress)
        self.health = self._oversight.health
        self._tick_due_s = 0.0
        self._start_due_s: float | None = None

    def run(self) -> None:
        """Work; raises the first error of a camera that can't go on, after all others are done."""
        for sink in self._stages.sinks:
            sink.start()
        try:
            if self._options.require_broker_s is not None:
                self._require_sinks(time.monotonic() + self._options.require_broker_s)
            self._announce_cameras()
            while not self._stop.is_set() and not all(camera.done for camera in self._cameras.values()):
                self._step()
        finally:
            self._shut_down()
        for camera in self._cameras.values():
            if camera.capture.status.error is not None and not self._stop.is_set():
                raise camera.capture.status.error

    def _require_sinks(self, deadline_s: float) -> None:
        """Wait until every sink is there, or somebody stops us; raises what the sink raises."""
        for sink in self._stages.sinks:
            while not self._stop.is_set():
                try:
                    sink.require(TICK_S)
                    break
                except BrokerUnavailableError:
                    if time.monotonic() > deadline_s:
                        raise

    def _announce_cameras(self) -> None:
        """From now on nobody must believe what was said of them before."""
        delay_s = self._options.start_after_s
        self._start_due_s = time.monotonic() + delay_s
        for camera in self._cameras.values():
            camera.announced = True
            self._publish(camera, camera.decider.missing("starting", time.time()))
            if delay_s:
                self._set_online(camera, online=False)

    def _start_cameras(self, now_s: float) -> None:
        self._start_due_s = None
        for name, camera in self._cameras.items():
            camera.started, camera.started_s = True, now_s
            self._oversight.camera_started(name, now_s)
            camera.capture.start()

    def _step(self) -> None:
        if self._start_due_s is not None and time.monotonic() >= self._start_due_s:
            self._start_cameras(time.monotonic())
        frame = self._stages.inbox.take(TICK_S)
        if frame is not None:
            self._take(self._cameras[frame.camera], frame)
            self._oversight.progress.frame_answered(frame.camera)
        if self._stages.control is not None:
            self._obey(self._stages.control)
        now_s = time.monotonic()
        if now_s >= self._tick_due_s:
            self._tick_due_s = now_s + TICK_S
            self._tick(now_s)

    def _take(self, camera: Camera, frame: Frame) -> None:
        age_s = time.monotonic() - frame.received_s
        if camera.capture.live and age_s > self._options.max_frame_age_s:
            self.health.stale(frame.camera)
            self._lose_sight(camera, "stale")
        elif camera.done:
            return
        elif not camera.enabled:
            self._set_online(camera, online=True)
        else:
            self._judge(camera, frame)
            if self._stages.control is not None:
                self._stages.control.seen(frame)

    def _obey(self, control: CommandSource) -> None:
        """Carry out what was asked for from outside."""
        for command in control.take():
            camera = self._cameras[command.camera]
            if isinstance(command, SetThreshold):
                camera.decider.set_threshold(command.threshold)
            elif command.on is not camera.enabled and not camera.done:
                camera.enabled = command.on
                reason: UnknownReason = "starting" if command.on else "disabled"
                self._publish_if_changed(camera, camera.decider.missing(reason, time.time()))
            control.done(command, "the camera has ended" if camera.done else "")

    def _judge(self, camera: Camera, frame: Frame) -> None:
        if camera.first_time_s is None:
            camera.first_time_s = frame.time_s
        if frame.unusable is None:
            count = self._classify(camera, frame)
        else:
            self._set_online(camera, online=True)
            self._publish(camera, camera.decider.missing(frame.unusable, frame.captured_at, frame))
            count = self.health.unusable(frame.camera)
        duration_s = self._options.duration_s
        over = duration_s is not None and frame.time_s - camera.first_time_s >= duration_s
        if count == self._options.frames or over:
            self._finish(camera)

    def _classify(self, camera: Camera, frame: Frame) -> int:
        """How many of the camera's frames were judged so far."""
        classifier = self._stages.classifier
        classify = classifier.classify_prepared if frame.prepared else classifier.classify
        scores = classify(frame.pixels)
        age_ms = self._observe(camera, frame, scores)
        if self._options.publish_scores and frame.time_s >= camera.scores_due_s:
            camera.scores_due_s = frame.time_s + 1 / MAX_SCORES_PER_S
            for sink in self._stages.sinks:
                sink.scores(frame, age_ms, scores.values)
        return self.health.classified(frame, scores, age_ms)

    def _observe(self, camera: Camera, frame: Frame, scores: Scores) -> float:
        """Decide and publish; the frame's age when its scores were there, in milliseconds."""
        now_s = time.monotonic()
        age_ms = (now_s - frame.received_s) * 1e3
        self._set_online(camera, online=True)
        self._publish(camera, camera.decider.observe(frame, scores, age_ms))
        published_s = time.monotonic()
        self.health.sample("publish", (published_s - now_s) * 1e3)
        self.health.sample("frame_age", (published_s - frame.received_s) * 1e3)
        return age_ms

    def _publish(self, camera: Camera, decision: Decision) -> None:
        numbers = self._stages.numbers
        sequence = numbers.advance(decision.camera) if decision.changed else numbers.current(decision.camera)
        if decision.changed:
            camera.refresh_due_s = time.monotonic() + self._options.heartbeat_s
            log.info(
                "camera %s: %s (%.2f)",
                decision.camera,
                decision.label or f"unknown, {decision.unknown_reason}",
                decision.confidence,
            )
        for sink in self._stages.sinks:
            sink.publish(decision, sequence)

    def _publish_if_changed(self, camera: Camera, decision: Decision) -> None:
        if decision.changed:
            self._publish(camera, decision)

    def _lose_sight(self, camera: Camera, reason: UnknownReason) -> None:
        """Nothing to be seen, for that reason; a disabled camera stays `disabled`."""
        if camera.enabled:
            self._publish_if_changed(camera, camera.decider.missing(reason, time.time()))

    def _tick(self, now_s: float) -> None:
        for camera in self._cameras.values():
            if not camera.done:
                self._look_after(camera, now_s)
        for sink in self._stages.sinks:
            sink.poll()
        self._oversight.turn(now_s, self._options.start_after_s if self._start_due_s is not None else 0.0)

    def _look_after(self, camera: Camera, now_s: float) -> None:
        """Silence, heartbeat and the end of one camera."""
        status, name = camera.capture.status, camera.capture.camera
        live = camera.started and camera.capture.live
        last_s = camera.started_s if status.received_s is None else status.received_s
        if live and now_s - last_s > self._options.max_frame_age_s:
            self._lose_sight(camera, "no_frames")
            self._set_online(camera, online=False)
            self._check_required(camera)
        if now_s >= camera.refresh_due_s:
            camera.refresh_due_s = now_s + self._options.heartbeat_s
            for sink in self._stages.sinks:
                sink.refresh(name)
        duration_s = self._options.duration_s
        if live and duration_s is not None and now_s - camera.started_s >= duration_s:
            self._finish(camera)
        if status.finished and self._stages.inbox.is_empty(name):
            self._finish(camera)
            if camera.capture.live and status.error is not None:
                raise status.error  # a live camera must not stay away in silence: systemd starts us again

    def _check_required(self, camera: Camera) -> None:
        if self._options.require_camera and camera.first_time_s is None and camera.capture.status.detail:
            detail = camera.capture.status.detail
            raise CameraUnavailableError(f"camera {camera.capture.camera} is required and not there", detail)

    def _set_online(self, camera: Camera, *, online: bool) -> None:
        if camera.online is online:
            return
        camera.online = online
        for sink in self._stages.sinks:
            sink.camera_availability(camera.capture.camera, online=online)

    def _finish(self, camera: Camera) -> None:
        """The camera delivers no more: what it saw last must not stand as what it sees."""
        if camera.done:
            return
        camera.done = True
        self._oversight.progress.camera_done(camera.capture.camera)
        camera.capture.ask_to_stop()
        self._stages.inbox.remove_camera(camera.capture.camera)
        try:
            if camera.announced:
                self._publish_if_changed(camera, camera.decider.missing("no_frames", time.time()))
        finally:
            self._set_online(camera, online=False)

    def _shut_down(self) -> None:
        """End everything, whatever of it fails: cameras, sinks, threads. What is named last goes first."""
        self._notifier.stopping()
        with contextlib.ExitStack() as endings:
            for camera in self._cameras.values():
                endings.callback(camera.capture.join)
            for sink in self._stages.sinks:
                endings.callback(sink.close, self._options.drain_timeout_s)
            for camera in self._cameras.values():
                endings.callback(self._finish, camera)
