"""What each of the others is given, what it notes of its frames, and the one JSON line that it ends with.

Only the standard library: some of them run in environments where nothing of this project is installed.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

WARM_UP_FRAMES = 30


@dataclass(frozen=True, slots=True)
class Task:
    """Classify the first `frames` of `clip`; started_s: the monotonic clock at the process's start."""

    model: Path
    clip: Path
    frames: int
    threads: int
    started_s: float

    @classmethod
    def of_command_line(cls) -> Task:
        """From `MODEL CLIP FRAMES THREADS STARTED_S`."""
        model, clip, frames, threads, started_s = sys.argv[1:]
        return cls(Path(model), Path(clip), int(frames), int(threads), float(started_s))

    @property
    def labels(self) -> list[str]:
        """The lines of the file beside the model."""
        return self.model.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


class Tally:
    """Counts labelled frames and times them; call `labelled` from one thread only."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.last_label = ""
        self._ages_s: list[float] = []
        self._first_s = self._warm_s = self._last_s = self._warm_cpu_s = 0.0

    @property
    def done(self) -> bool:
        """Whether all frames have their labels."""
        return len(self._ages_s) >= self._task.frames

    def labelled(self, label: str, decoded_s: float) -> None:
        """A frame that was decoded at decoded_s (monotonic) has got its label."""
        self._last_s = time.monotonic()
        self.last_label = label
        self._ages_s.append(self._last_s - decoded_s)
        if len(self._ages_s) == 1:
            self._first_s = self._last_s
        if len(self._ages_s) == WARM_UP_FRAMES:
            self._warm_s, self._warm_cpu_s = self._last_s, time.process_time()

    def tell(self) -> None:
        """Print the JSON line."""
        count = len(self._ages_s) - WARM_UP_FRAMES
        figures = {
            "fps": count / (self._last_s - self._warm_s),
            "cpu_ms": (time.process_time() - self._warm_cpu_s) / count * 1e3,
            "p95_ms": statistics.quantiles(self._ages_s[WARM_UP_FRAMES:], n=20)[-1] * 1e3,
            "peak_mb": peak_mb(),
            "first_label_s": self._first_s - self._task.started_s,
        }
        print(json.dumps(figures))


def peak_mb(pid: int | str = "self") -> float | None:
    """A process's peak resident 10⁶ bytes since its exec; None once it has ended.

    Not what wait4 tells, where a child starts with the peak of the parent that it was forked from.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else None
