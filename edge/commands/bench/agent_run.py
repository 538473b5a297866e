"""The real agent, run for a number of frames: its rate, and what it needs of processor and memory."""

from __future__ import annotations

import io
import json
import threading
import time
from typing import Any, NamedTuple, TextIO, cast

from edge.agent.build import build_agent
from edge.agent.load_classifier import load_classifier
from edge.commands.bench.figures import WARM_UP_FRAMES, AgentRun
from edge.commands.bench.machine import peak_mb, read_process_age_s
from edge.config import AgentConfig
from edge.errors import CameraUnavailableError, UsageError
from edge.monitoring.health import resident_mb
from edge.monitoring.notify import Notifier

# A camera with one picture a second still gives enough of them in this time.
LIVE_LIMIT_S = 20.0
ALONE: dict[str, Any] = {
    "mqtt": False,
    "stdout": True,
    "allow_commands": False,
    "homeassistant": False,
    "require_broker": False,
    "require_camera": True,
    "publish_scores": False,
    "metrics": None,
    "start_after": 0.0,
    "drain_timeout": 0.0,
}


class Line(NamedTuple):
    """What the agent printed, when (perf_counter), and the processor's time until then; in seconds."""

    text: str
    at_s: float
    cpu_s: float


class Tap(io.TextIOBase):
    """Where the agent's decisions go, one a line; it keeps when each came."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.first_answer_s: float | None = None

    def write(self, text: str) -> int:
        """Take a line, or its end."""
        if text != "\n":
            self.lines.append(Line(text, time.perf_counter(), time.process_time()))
            if self.first_answer_s is None and '"frame": null' not in text and '"starting"' not in text:
                self.first_answer_s = read_process_age_s()
        return len(text)


def run_agent(config: AgentConfig, frames: int, *, live: bool, aside_s: float = 0.0) -> AgentRun:
    """Run the agent on the configured camera for `frames` frames, after a few that do not count.

    aside_s: seconds of this process that are not counted into its start. Raises UsageError where a
    recording is too short, CameraUnavailableError where a camera gives too little, and what the agent raises.
    """
    duration_s = LIVE_LIMIT_S if live else None
    alone = config.model_copy(update={**ALONE, "frames": frames + WARM_UP_FRAMES, "duration": duration_s})
    tap = Tap()
    stream, notifier, classifier = cast(TextIO, tap), Notifier({}), load_classifier(alone)
    with build_agent(alone, classifier, threading.Event(), stream=stream, notifier=notifier) as agent:
        agent.run()
        memory_mb, max_mb = resident_mb(), peak_mb()
    judged = [(line, frame) for line in tap.lines if (frame := json.loads(line.text)["frame"]) is not None]
    if len(judged) < WARM_UP_FRAMES + 2:
        raise make_too_short_error(live=live)
    (first, first_frame), (last, last_frame) = judged[WARM_UP_FRAMES - 1], judged[-1]
    count, elapsed_s = len(judged) - WARM_UP_FRAMES, last.at_s - first.at_s
    return AgentRun(
        fps=round(count / elapsed_s, 2),
        camera_fps=round((last_frame - first_frame) / elapsed_s, 2) if live else None,
        cpu_ms=round((last.cpu_s - first.cpu_s) * 1e3 / count, 2),
        memory_mb=memory_mb,
        memory_peak_mb=max_mb,
        first_answer_s=None if tap.first_answer_s is None else round(tap.first_answer_s - aside_s, 2),
    )


def make_too_short_error(*, live: bool) -> UsageError | CameraUnavailableError:
    """The error where a source gave hardly more than the frames of warm-up."""
    if live:
        why = f"it gave hardly {WARM_UP_FRAMES + 2} pictures in {LIVE_LIMIT_S:g} s"
        return CameraUnavailableError("can't measure with this camera", why, "try `edge-agent check`")
    why = f"it is hardly longer than the {WARM_UP_FRAMES} frames of warm-up"
    return UsageError("can't measure on this recording", why, "give a longer one")
