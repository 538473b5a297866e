"""The canary test of a model: the agent is restarted with it, watched, and compared with how it was before.

The figures are those of `stats`, which an agent under systemd also keeps in its runtime folder.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.commands.models.systemd_unit import Unit
from edge.errors import UpdateError, UsageError
from edge.monitoring.stats_file import read_stats

# How often the unit is looked at: a restart takes longer than this.
POLL_S = 0.5
# A unit that is ready needs about this long to get pictures from its cameras.
START_S = 5.0
# An agent is worse if inference takes more than twice as long *and* it classifies less than half as much:
# either one alone may come from the cameras or from other programs.
SLOWER, FEWER = 2.0, 0.5
INTERRUPTED = "watching the agent was interrupted"


@dataclass(frozen=True, slots=True)
class Figures:
    """What an agent tells of itself.

    inference_ms: the 95th percentile, None before the first frame. Rates in frames a second, of all cameras;
    frames_in and judged since its start, `judged` by a network or without need for one.
    """

    model_hash: str
    inference_ms: float | None
    fps_classified: float
    frames_in: int
    judged: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Figures:
        """Those of a `stats` record; raises KeyError, TypeError or AttributeError where it is none."""
        cameras = list(record["cameras"].values())
        return cls(
            model_hash=record["model"]["hash"],
            inference_ms=record["latency_ms"].get("inference", {}).get("p95"),
            fps_classified=sum(camera["fps_classified"] for camera in cameras),
            frames_in=sum(camera["frames_in"] for camera in cameras),
            judged=sum(camera[key] for camera in cameras for key in ("classified", "blind")),
        )


def compare_figures(before: Figures | None, now: Figures) -> str | None:
    """Why the agent is worse than before, None where it is not; no figures before: nothing to compare."""
    if now.frames_in and not now.judged:
        return f"of {now.frames_in} frames none was classified"
    if before is None or not before.inference_ms or not now.inference_ms:
        return None
    slower = now.inference_ms > SLOWER * before.inference_ms
    fewer = now.fps_classified < FEWER * before.fps_classified
    if not (slower and fewer):
        return None
    return (
        f"inference takes {now.inference_ms:g} ms (p95), before {before.inference_ms:g}, and "
        f"{now.fps_classified:.3g} frames a second are classified, before {before.fps_classified:.3g}"
    )


class Canary:
    """Watches a unit for some seconds; `stop` ends it early, as a failure."""

    def __init__(self, unit: Unit, watch_s: float, figures_s: float, stop: threading.Event) -> None:
        """figures_s: when an agent that has started tells its first figures.

        Raises UsageError where the time is too short for them, UpdateError without such a unit.
        """
        least_s = figures_s + START_S
        if not watch_s >= least_s:  # nan too
            why = f"the agent tells its first figures after {figures_s:g} s (stats_interval)"
            raise UsageError(f"can't watch for {watch_s:g} s", why, f"give --watch {least_s:g} or more")
        self._unit, self._watch_s, self._stop = unit, watch_s, stop
        self.summary = ""
        if not unit.state().known:
            advice = "leave out --watch, or name another with --unit"
            raise UpdateError(f"can't watch {unit.name}", "systemd knows no such unit", advice)

    def begin(self) -> Figures | None:
        """How the agent is before anything is changed; raises UpdateError where it was told to stop."""
        if self._stop.is_set():
            raise UpdateError("nothing was changed", INTERRUPTED)
        return self._figures()

    def _figures(self) -> Figures | None:
        """What the agent tells of itself now, None where that can't be known."""
        folder = self._unit.state().runtime_folder
        record = read_stats(folder) if folder else None
        try:
            return Figures.of(record) if record else None
        except (KeyError, TypeError, AttributeError):
            return None

    def restart(self) -> str | None:
        """Start the unit again; why that failed, None where it did not."""
        try:
            return self._unit.restart()
        except UpdateError as error:
            return str(error)

    def run(self, model_hash: str, before: Figures | None) -> str | None:
        """Start the unit again and watch it; why it is worse than before, None where it is not."""
        try:
            return self._unit.restart() or self._watch() or self._judge(model_hash, before)
        except UpdateError as error:
            return str(error)

    def _watch(self) -> str | None:
        """Does it keep running."""
        restarts, deadline_s = self._unit.state().restarts, time.monotonic() + self._watch_s
        while time.monotonic() < deadline_s:
            if self._stop.wait(POLL_S):
                return INTERRUPTED
            state = self._unit.state()
            if state.active != "active" or state.restarts > restarts:
                return f"{self._unit.name} did not keep running ({state.active}, {state.result})"
        return None

    def _judge(self, model_hash: str, before: Figures | None) -> str | None:
        now = self._figures()
        self.summary = f"{self._watch_s:g} s without trouble{_describe_figures(now)}"
        if now is None:
            # A bad sign, but for a unit that gives its agent no place for figures.
            silent = f"the agent told nothing of itself in {self._watch_s:g} s"
            return silent if self._unit.state().runtime_folder else None
        if now.model_hash != model_hash:
            return "the agent runs another model: agent.toml names another, or EDGE_AGENT_MODEL does"
        return compare_figures(before, now)


def _describe_figures(now: Figures | None) -> str:
    if now is None:
        return "; no figures, as the unit has no RuntimeDirectory"
    if now.inference_ms is None:
        return "; no camera gave a picture, so nothing was classified"
    return f"; inference {now.inference_ms:g} ms (p95), {now.fps_classified:.3g} frames a second"
