"""What an agent with --stdout says of its cameras, and what it holds open: for the faults of cameras."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.agents.command_line import EdgeAgent
from tests.support.tools import PATIENCE_S, wait_until

MAX_FRAME_AGE_S = 2.0
INTERVAL_S = 0.05
SLACK_S = 1.0  # two busy cores, pictures on their way, the loop's own tick
Record = dict[str, Any]


@dataclass
class Told:
    """The decisions that an agent prints, read as they come; recovery times and trouble of a fault."""

    folder: Path
    agent: EdgeAgent
    most_recovery_s: float = 5.0
    recovery_s: list[float] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    _records: list[Record] = field(default_factory=list)
    _offset: int = 0

    def first(
        self, after: float, fits: Callable[[Record], bool], what: str, timeout_s: float = PATIENCE_S
    ) -> float:
        """When (Unix time) the first decision after a time was made that fits; fails if none comes."""

        def found() -> float | None:
            self._read()
            recent = (record for record in self._records if _time(record) >= after)
            return next((_time(record) for record in recent if fits(record)), None)

        wait_until(lambda: found() or self.agent.process.poll() is not None, what, timeout_s)
        when = found()
        if when is None:
            pytest.fail(f"waiting for {what}, the agent ended: {self.agent.stderr.splitlines()[-1:]}")
        return when

    def lose(self, camera: str, what: str, do: Callable[[], object]) -> None:
        """Do something to a camera; its silence must be said in time."""
        lost_at = time.time()
        do()
        self.silence(lost_at, camera, what)

    def silence(self, since: float, camera: str, what: str) -> float:
        """The time (Unix) of a camera's last frame; that none came since must be said in time."""

        def fits(record: Record) -> bool:
            return record["camera"] == camera and record["unknown_reason"] == "no_frames"

        silent_at = self.first(since, fits, f"no_frames, {what}")
        frames = [_time(r) for r in self._records if is_judged(r, camera) and _time(r) < silent_at]
        last_at = max([since, *frames])
        late_s = silent_at - last_at - MAX_FRAME_AGE_S - INTERVAL_S
        if late_s > SLACK_S:
            self.trouble.append(f"{what}: no_frames came {late_s:.1f} s late")
        self._forget()
        return last_at

    def recovery(
        self, back_at: float, camera: str, what: str, label: str | None = None, after: float = 0.0
    ) -> None:
        """A camera is back since a Unix time: its frames (those `after` another) must soon be judged."""

        def fits(record: Record) -> bool:
            return is_judged(record, camera) and (label is None or record["label"] == label)

        seen_at = self.first(max(back_at, after), fits, f"labels again, {what}")
        self.recovery_s.append(seen_at - back_at)
        if self.recovery_s[-1] > self.most_recovery_s:
            self.trouble.append(f"{what}: labels came {self.recovery_s[-1]:.1f} s after the source")
        self._forget()

    def check_leaks(self, before: tuple[int, int]) -> None:
        """Threads and descriptors must be as few as they were, after a while."""
        deadline_s = time.monotonic() + PATIENCE_S / 2
        wait_until(lambda: _no_more(self.resources(), before) or time.monotonic() > deadline_s, "less")
        after = self.resources()
        if not _no_more(after, before):
            self.trouble.append(f"threads and descriptors grew from {before} to {after}")

    def resources(self) -> tuple[int, int]:
        """How many threads and descriptors the agent has."""
        process = Path(f"/proc/{self.agent.process.pid}")
        return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))

    def _read(self) -> None:
        with (self.folder / "stdout.txt").open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # its end is on its way, and would be taken for a line of its own
                self._records.append(json.loads(line))
                self._offset += len(line)

    def _forget(self) -> None:
        del self._records[:-1000]


def hold(duration_s: float) -> None:
    """Leave things as they are for so long."""
    until_s = time.monotonic() + duration_s
    wait_until(lambda: time.monotonic() >= until_s, "time to pass", duration_s + 10)


def _no_more(now: tuple[int, int], before: tuple[int, int]) -> bool:
    return now[0] <= before[0] and now[1] <= before[1]


def is_judged(record: Record, camera: str) -> bool:
    """True for a decision made of a frame of this camera."""
    return record["camera"] == camera and record["frame"] is not None


def _time(record: Record) -> float:
    return datetime.fromisoformat(record["timestamp"]).timestamp()
