"""How the loop is doing: its counters for whoever asks, and whether everything gets on, for systemd."""

from __future__ import annotations

import logging
import time
from typing import Any

from edge.agent.stages import Stages
from edge.monitoring.health import Health
from edge.monitoring.notify import Notifier
from edge.monitoring.overload import Overload
from edge.monitoring.progress import CameraSign, Progress, ProgressLimits
from edge.monitoring.watchdog import CONNECTED, Watchdog

log = logging.getLogger(__name__)


class Oversight:
    """Looks at cameras, inbox and sinks from the loop's own thread."""

    def __init__(
        self, stages: Stages, notifier: Notifier, stats_interval_s: float, limits: ProgressLimits | None
    ) -> None:
        self.health = Health()
        self._stages = stages
        self._cameras = {camera.capture.camera: camera for camera in stages.cameras}
        for name in self._cameras:
            self.health.add_camera(name)
        self._overload = Overload()
        self._watchdog = Watchdog(notifier, limits)
        self._stats_interval_s = stats_interval_s
        self._stats_due_s = time.monotonic() + stats_interval_s

    @property
    def progress(self) -> Progress:
        """To be told what happens to frames and cameras."""
        return self._watchdog.progress

    def camera_started(self, camera: str, now_s: float) -> None:
        """From now on this camera is watched."""
        self.progress.camera_started(camera, now_s)
        self._stats_due_s = now_s + self._stats_interval_s
        self.health.begin_interval()

    def turn(self, now_s: float, waits_s: float = 0.0) -> None:
        """Publish what is due, answer who asks, and tell systemd; waits_s: see Watchdog."""
        if now_s >= self._stats_due_s:
            self._stats_due_s = now_s + self._stats_interval_s
            self._publish_stats()
        if self._stages.scrapes is not None and self._stages.scrapes.wanted:
            self._stages.scrapes.answer(self._record())
        self._watch(now_s, waits_s)

    def _publish_stats(self) -> None:
        record = self._record()
        self.health.begin_interval()
        for sink in self._stages.sinks:
            sink.stats(record)
        if self._stages.stats_file is not None:
            self._stages.stats_file.write(record)
        for name, camera in self._cameras.items():
            status = camera.capture.status
            said = self._overload.look(name, status.frames_in, status.replaced)
            if said:
                log.warning("%s", said)

    def _record(self) -> dict[str, Any]:
        """All counters: of the cameras, the watchdog and the sinks."""
        record = self.health.report({name: camera.capture.status for name, camera in self._cameras.items()})
        for name, of_camera in record["cameras"].items():
            of_camera["online"] = self._cameras[name].online is True
        record |= {"watchdog": self._watchdog.state, "stuck": self._watchdog.hung}
        for sink in self._stages.sinks:
            record |= sink.report()
        return record

    def _watch(self, now_s: float, waits_s: float) -> None:
        active = {name: camera for name, camera in self._cameras.items() if not camera.done}
        for name, camera in active.items():
            if not camera.started:
                continue
            status, waits = camera.capture.status, not self._stages.inbox.is_empty(name)
            delivering = status.state == "delivering"
            sign = CameraSign(camera.capture.live, delivering, status.alive_s, status.answered_s, waits)
            self.progress.camera_seen(name, sign, now_s)
        broker = ""
        for number, sink in enumerate(self._stages.sinks):
            liveness = sink.liveness()
            if liveness is not None:
                self.progress.sink_seen(number, liveness, now_s)
                broker = liveness.problem or CONNECTED
        online = {name: camera.online is True for name, camera in active.items()}
        seen = any(camera.first_time_s is not None for camera in self._cameras.values())
        self._watchdog.turn(now_s, online, broker, seen=seen, waits_s=waits_s)
