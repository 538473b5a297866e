"""What systemd is told: READY once, STATUS in one line, and WATCHDOG only while there is progress."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal

from edge.monitoring.notify import Notifier
from edge.monitoring.progress import Progress, ProgressLimits

log = logging.getLogger(__name__)

DEGRADED_START_S = 5.0
CONNECTED = "connected"


class Watchdog:
    """Feeds systemd's watchdog as long as `progress` finds nothing hung."""

    def __init__(self, notifier: Notifier, limits: ProgressLimits | None = None) -> None:
        self.progress = Progress(limits)
        self.hung: str | None = None
        self._notifier = notifier
        self._how: str | None = None
        self._ready = False
        self._started_s: float | None = None
        self._due_s = 0.0

    @property
    def state(self) -> Literal["off", "fed", "starved"]:
        """off: systemd does not ask for it; starved: nothing is sent, because something hangs."""
        if self._notifier.watchdog_interval_s is None:
            return "off"
        return "starved" if self.hung else "fed"

    def report(
        self, now_s: float, cameras: Mapping[str, bool], broker: str, *, seen: bool, waits_s: float = 0.0
    ) -> None:
        """Tell systemd how things are.

        cameras: does each deliver; broker: `connected`, why it is not, or empty where there is none; seen: a
        frame has been classified; waits_s: how long it was told to wait before the cameras start, 0 once
        they have. READY comes with the first such frame, after 5 s without one, or at once where it waits.
        """
        self._judge(now_s)
        start = f"waiting {waits_s:g} s before the cameras start" if waits_s else self._started(now_s, seen)
        self._notifier.status(status_line(start, cameras, broker, self.hung))
        if start is not None and not self._ready:
            self._ready = True
            self._notifier.ready()
        interval_s = self._notifier.watchdog_interval_s
        if interval_s is not None and self.hung is None and now_s >= self._due_s:
            self._due_s = now_s + interval_s
            self._notifier.watchdog()

    def _judge(self, now_s: float) -> None:
        hung = self.progress.hung(now_s)
        if hung is not None and hung != self.hung:
            log.error("no progress: %s; the watchdog is not fed until that changes", hung)
        elif hung is None and self.hung is not None:
            log.info("progress again")
        self.hung = hung

    def _started(self, now_s: float, seen: bool) -> str | None:
        """How the start went, None until that is known."""
        if self._how is not None:
            return self._how
        self._started_s = now_s if self._started_s is None else self._started_s
        if seen:
            self._how = "started with a frame"
        elif now_s - self._started_s > DEGRADED_START_S:
            self._how = "started degraded, without a frame"
        return self._how


def status_line(start: str | None, cameras: Mapping[str, bool], broker: str, hung: str | None) -> str:
    """The line that `systemctl status` shows: the state, the start, cameras, broker, and what hangs."""
    online = [name for name, delivers in cameras.items() if delivers]
    degraded = len(online) < len(cameras) or broker not in ("", CONNECTED)
    parts = [
        "stuck" if hung else "starting" if start is None else "degraded" if degraded else "running",
        start or "no frame yet",
        f"{len(online)} of {len(cameras)} cameras deliver: {', '.join(online) or 'none'}",
        f"broker {broker}" if broker else "",
        hung or "",
    ]
    return "; ".join(part for part in parts if part)
