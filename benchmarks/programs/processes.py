"""A program as a child process, and what it used."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TIMEOUT_S = 300.0
CPUCLOCK_SCHED = 2  # Linux: the scheduler's account, to the nanosecond, with threads that have ended


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a child that has ended well: seconds of wall clock and of processor, peak resident 10⁶ bytes."""

    stdout: str
    wall_s: float
    cpu_s: float
    peak_mb: float


def run(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> Usage:
    """Run to the end; raises CalledProcessError with what it said, also where it had to be killed."""
    started = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    said: list[str] = []
    collector = threading.Thread(target=lambda: said.append(child.stderr.read() if child.stderr else ""))
    collector.start()
    killer = threading.Timer(timeout_s, child.kill)
    killer.start()
    stdout = child.stdout.read() if child.stdout else ""
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - started
    killer.cancel()
    collector.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    for pipe in (child.stdout, child.stderr):
        if pipe:
            pipe.close()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command, stdout, said[0])
    return Usage(stdout, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process has used so far; raises OSError once it is gone."""
    return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)  # as clock_getcpuclockid(3) makes it
