"""Commands on their way from the network to the loop, and the answers back.

`receive` runs in the connection's thread, everything else in the loop's.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from edge.errors import ImageError
from edge.publish.remote.commands import (
    Command,
    CommandTopics,
    Refusal,
    SetEnabled,
    SetThreshold,
    TakeSnapshot,
    answer,
    enabled_state,
    snapshot,
    threshold_state,
)
from edge.publish.remote.snapshot import jpeg
from edge.publish.topics import TopicNames
from edge.records import Frame, Message

log = logging.getLogger(__name__)

MAX_WAITING = 32
MAX_PER_S = 20
SNAPSHOT_INTERVAL_S = 1.0
FRAME_TIMEOUT_S = 5.0


@dataclass(slots=True)
class _Camera:
    """What the control remembers of a camera; times on the monotonic clock, in seconds."""

    enabled: bool = True
    wanted_until_s: float | None = None
    snapshot_due_s: float = 0.0


class Control:
    """Hands commands on to the loop, a bounded number of them, and answers each."""

    def __init__(
        self, names: TopicNames, thresholds: Mapping[str, float], tell: Callable[[Message], None]
    ) -> None:
        """`thresholds`: each camera's at the start; `tell` publishes."""
        self.topics = CommandTopics(names, thresholds)
        self._names, self._tell = names, tell
        self._waiting: queue.Queue[Command] = queue.Queue(MAX_WAITING)
        self._cameras = {camera: _Camera() for camera in thresholds}
        self._second, self._in_second = 0, 0
        for camera, threshold in thresholds.items():
            tell(enabled_state(names, camera, on=True))
            tell(threshold_state(names, camera, threshold))

    def receive(self, message: Message) -> None:
        """Take a message of one of `topics`: queue it, or refuse it; a flood is dropped without an answer."""
        if message.retain:
            log.warning("a retained command on %s is ignored; publish it without retain", message.topic)
            return
        if self._too_many():
            return
        command = self.topics.parse(message)
        if isinstance(command, Refusal):
            self._refuse(command, command.reason)
            return
        try:
            self._waiting.put_nowait(command)
        except queue.Full:
            self._refuse(command, "too many commands are waiting")

    def take(self) -> Iterator[SetEnabled | SetThreshold]:
        """The settings that are asked for; each wants a `done`. Snapshots are seen to here."""
        self._give_up_late_snapshots()
        while True:
            try:
                command = self._waiting.get_nowait()
            except queue.Empty:
                return
            if isinstance(command, TakeSnapshot):
                self._want(command)
            else:
                yield command

    def done(self, command: SetEnabled | SetThreshold, refusal: str = "") -> None:
        """The loop has carried it out, or refuses it for that reason."""
        if refusal:
            self._refuse(command, refusal)
            return
        if isinstance(command, SetEnabled):
            self._cameras[command.camera].enabled = command.on
            state = enabled_state(self._names, command.camera, command.on)
        else:
            state = threshold_state(self._names, command.camera, command.threshold)
        shown = state.payload.decode()
        log.info("camera %s: %s set to %s from outside", command.camera, command.name, shown)
        self._tell(state)
        self._tell(answer(self._names, command))

    def seen(self, frame: Frame) -> None:
        """A fresh frame of a camera that is enabled: publish it if somebody has asked for one."""
        camera = self._cameras[frame.camera]
        if camera.wanted_until_s is None:
            return
        camera.wanted_until_s = None
        command = TakeSnapshot(frame.camera)
        try:
            self._tell(snapshot(self._names, frame.camera, jpeg(frame)))
        except ImageError:
            self._refuse(command, "the frame can't be made a JPEG")
        else:
            self._tell(answer(self._names, command))

    def _want(self, command: TakeSnapshot) -> None:
        camera, now_s = self._cameras[command.camera], time.monotonic()
        if not camera.enabled:
            self._refuse(command, "the camera is disabled")
        elif now_s < camera.snapshot_due_s:
            self._refuse(command, "asked too soon: one snapshot a second")
        else:
            camera.snapshot_due_s = now_s + SNAPSHOT_INTERVAL_S
            camera.wanted_until_s = now_s + FRAME_TIMEOUT_S

    def _give_up_late_snapshots(self) -> None:
        for name, camera in self._cameras.items():
            if camera.wanted_until_s is None:
                continue
            if not camera.enabled or time.monotonic() > camera.wanted_until_s:
                camera.wanted_until_s = None
                reason = "no frame came" if camera.enabled else "the camera is disabled"
                self._refuse(TakeSnapshot(name), reason)

    def _too_many(self) -> bool:
        second = int(time.monotonic())
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        if self._in_second == MAX_PER_S + 1:
            log.warning("more than %d commands a second arrive; the rest are dropped", MAX_PER_S)
        return self._in_second > MAX_PER_S

    def _refuse(self, command: Command | Refusal, reason: str) -> None:
        log.debug("camera %s: %s refused: %s", command.camera, command.name, reason)
        self._tell(answer(self._names, Refusal(command.name, command.camera, reason)))
