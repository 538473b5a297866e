"""How the loop is doing: its counters for whoever asks, and whether everything gets on, for systemd."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.agent.camera_session import CameraSession, SharedParts
from edge.monitoring.notify import Notifier
from edge.monitoring.overload import OverloadDetector
from edge.monitoring.progress import CameraSign, Progress, ProgressLimits
from edge.monitoring.watchdog import CONNECTED, Watchdog

if TYPE_CHECKING:
    from edge.monitoring.metrics_server import MetricsServer
    from edge.monitoring.stats_file import StatsFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told how the agent is doing: systemd, whoever asks for metrics, a file of this machine."""

    notifier: Notifier
    stats_interval_s: float = 30.0
    metrics: MetricsServer | None = None
    stats_file: StatsFile | None = None


class Supervisor:
    """Looks at cameras, inbox and sinks from the loop's own thread."""

    def __init__(
        self,
        sessions: Sequence[CameraSession],
        shared: SharedParts,
        audience: Audience,
        limits: ProgressLimits | None = None,
    ) -> None:
        self._sessions = {session.camera: session for session in sessions}
        self._shared, self._audience = shared, audience
        self._overload = OverloadDetector()
        self._watchdog = Watchdog(audience.notifier, limits)
        self._stats_due_s = time.monotonic() + audience.stats_interval_s

    @property
    def progress(self) -> Progress:
        """To be told what happens to frames and cameras."""
        return self._watchdog.progress

    def camera_started(self, camera: str, now_s: float) -> None:
        """From now on this camera is watched."""
        self.progress.camera_started(camera, now_s)
        self._stats_due_s = now_s + self._audience.stats_interval_s
        self._shared.health.begin_interval()

    def check(self, now_s: float, waits_s: float = 0.0) -> None:
        """Publish what is due, answer who asks, and tell systemd; waits_s: see Watchdog."""
        if now_s >= self._stats_due_s:
            self._stats_due_s = now_s + self._audience.stats_interval_s
            self._publish_stats()
        metrics = self._audience.metrics
        if metrics is not None and metrics.wanted:
            metrics.answer(self._record())
        self._watch(now_s, waits_s)

    def stopping(self) -> None:
        """Tell systemd that the agent ends."""
        self._audience.notifier.stopping()

    def _publish_stats(self) -> None:
        record = self._record()
        self._shared.health.begin_interval()
        self._shared.publisher.stats(record)
        if self._audience.stats_file is not None:
            self._audience.stats_file.write(record)
        for name, session in self._sessions.items():
            status = session.capture.status
            said = self._overload.check(name, status.frames_in, status.replaced)
            if said:
                log.warning("%s", said)

    def _record(self) -> dict[str, Any]:
        """All counters: of the cameras, the watchdog and the sinks."""
        statuses = {name: session.capture.status for name, session in self._sessions.items()}
        record = self._shared.health.report(statuses)
        for name, of_camera in record["cameras"].items():
            of_camera["online"] = self._shared.publisher.is_online(name)
        record |= {"watchdog": self._watchdog.state, "stuck": self._watchdog.hung}
        return record | self._shared.publisher.report()

    def _watch(self, now_s: float, waits_s: float) -> None:
        active = []
        for name, session in self._sessions.items():
            if session.done:
                self.progress.camera_done(name)
                continue
            active.append(name)
            if session.started_s is not None:
                status, waits = session.capture.status, not self._shared.inbox.is_empty(name)
                delivering = status.state == "delivering"
                sign = CameraSign(session.capture.live, delivering, status.alive_s, status.answered_s, waits)
                self.progress.camera_seen(name, sign, now_s)
        broker = ""
        for number, liveness in enumerate(self._shared.publisher.liveness()):
            self.progress.sink_seen(number, liveness, now_s)
            broker = liveness.problem or CONNECTED
        online = {name: self._shared.publisher.is_online(name) for name in active}
        seen = any(session.first_time_s is not None for session in self._sessions.values())
        self._watchdog.report(now_s, online, broker, seen=seen, waits_s=waits_s)
