"""The loop put together by hand, as `edge.agent.build` does it, around captures and sinks of a test's own."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

from edge.agent.camera_session import CameraSession, SessionRules, SharedParts
from edge.agent.loop import Agent, AgentOptions
from edge.agent.supervisor import Audience, Supervisor
from edge.capture.capture import Capture
from edge.capture.inbox import Inbox
from edge.decide.decider import Decider, DecisionRules
from edge.infer.classifier import Classifier
from edge.monitoring.health import Health
from edge.monitoring.notify import Notifier
from edge.monitoring.progress import ProgressLimits
from edge.publish.outbox.sequences import Sequences
from edge.publish.publisher import Publisher
from edge.publish.remote.control import Control
from edge.publish.sink import Sink


@dataclasses.dataclass(frozen=True)
class Loop:
    """An agent, and what it is made of."""

    agent: Agent
    sessions: list[CameraSession]
    shared: SharedParts


def build_loop(
    captures: Sequence[Capture],
    inbox: Inbox,
    classifier: Classifier,
    sinks: Sequence[Sink],
    stop: threading.Event,
    *,
    rules: DecisionRules,
    control: Control | None = None,
    notifier: Notifier | None = None,
    progress: ProgressLimits | None = None,
    heartbeat_s: float = 60.0,
    stats_interval_s: float = 30.0,
    **options: Any,
) -> Loop:
    """options: those of AgentOptions and of SessionRules."""
    for_agent = {field.name for field in dataclasses.fields(AgentOptions)} & options.keys()
    agent_options = AgentOptions(**{name: options.pop(name) for name in for_agent})
    shared = SharedParts(inbox, classifier, Publisher(sinks, Sequences({}), heartbeat_s), Health())
    sessions = [
        CameraSession(
            capture, Decider(capture.camera, classifier.labels, rules), shared, SessionRules(**options)
        )
        for capture in captures
    ]
    audience = Audience(notifier or Notifier({}), stats_interval_s)
    supervisor = Supervisor(sessions, shared, audience, progress)
    return Loop(Agent(sessions, shared, supervisor, agent_options, stop, control), sessions, shared)
