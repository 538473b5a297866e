"""The loop: the next fresh frame of any camera goes to its session, for weeks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.agent.camera_session import CameraSession, SharedParts
from edge.agent.supervisor import Supervisor
from edge.publish.remote.commands import SetThreshold
from edge.records import Frame

if TYPE_CHECKING:
    from edge.publish.remote.control import Control

TICK_S = 0.25  # a quarter of a second: silence is noticed soon, and an idle agent hardly wakes


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Times in seconds; require_broker_s: how long to wait for the sinks at the start, None: not at all."""

    start_after_s: float = 0.0
    drain_timeout_s: float = 5.0
    require_broker_s: float | None = None


class Agent:
    """Runs until every camera is done or `stop` is set."""

    def __init__(
        self,
        sessions: Sequence[CameraSession],
        shared: SharedParts,
        supervisor: Supervisor,
        options: AgentOptions,
        stop: threading.Event,
        control: Control | None = None,
    ) -> None:
        """control: where commands come from, None where nobody may command."""
        self._sessions = {session.camera: session for session in sessions}
        self._shared, self._supervisor = shared, supervisor
        self._options, self._stop, self._control = options, stop, control
        self._tick_due_s = 0.0
        self._start_due_s: float | None = None

    def run(self) -> None:
        """Work; raises the first error of a camera that can't go on, after all others are done."""
        self._shared.publisher.start()
        try:
            if self._options.require_broker_s is not None:
                self._shared.publisher.require(self._stop, self._options.require_broker_s)
            self._start_due_s = time.monotonic() + self._options.start_after_s
            for session in self._sessions.values():
                session.announce(waits=self._options.start_after_s > 0)
            while not self._stop.is_set() and not all(each.done for each in self._sessions.values()):
                self._step()
        finally:
            self._shut_down()
        for session in self._sessions.values():
            if session.capture.status.error is not None and not self._stop.is_set():
                raise session.capture.status.error

    def _step(self) -> None:
        if self._start_due_s is not None and time.monotonic() >= self._start_due_s:
            self._start_cameras(time.monotonic())
        frame = self._shared.inbox.take(TICK_S)
        if frame is not None:
            self._answer(frame)
        if self._control is not None:
            self._obey(self._control)
        now_s = time.monotonic()
        if now_s >= self._tick_due_s:
            self._tick_due_s = now_s + TICK_S
            self._tick(now_s)

    def _start_cameras(self, now_s: float) -> None:
        self._start_due_s = None
        for session in self._sessions.values():
            self._supervisor.camera_started(session.camera, now_s)
            session.start(now_s)

    def _answer(self, frame: Frame) -> None:
        judged = self._sessions[frame.camera].handle(frame)
        self._supervisor.progress.frame_answered(frame.camera)
        if judged and self._control is not None:
            self._control.seen(frame)

    def _obey(self, control: Control) -> None:
        """Carry out what was asked for from outside."""
        for command in control.take():
            session = self._sessions[command.camera]
            if isinstance(command, SetThreshold):
                session.set_threshold(command.threshold)
            else:
                session.set_enabled(on=command.on)
            control.done(command, "the camera has ended" if session.done else "")

    def _tick(self, now_s: float) -> None:
        for session in self._sessions.values():
            if not session.done:
                session.tick(now_s)
        self._shared.publisher.poll(now_s)
        self._supervisor.check(now_s, self._options.start_after_s if self._start_due_s is not None else 0.0)

    def _shut_down(self) -> None:
        """End everything, whatever of it fails: cameras, sinks, threads. What is named last goes first."""
        self._supervisor.stopping()
        with contextlib.ExitStack() as endings:
            for session in self._sessions.values():
                endings.callback(session.capture.join)
            endings.callback(self._shared.publisher.close, self._options.drain_timeout_s)
            for session in self._sessions.values():
                endings.callback(session.finish)
