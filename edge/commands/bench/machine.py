"""What machine this is, and what the system says of this process."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import time
from pathlib import Path

from edge.commands.bench.figures import Machine
from edge.distribution import DISTRIBUTION

BOARD = Path("/proc/device-tree/model")
PROCESSOR = Path("/proc/cpuinfo")
STATUS, STAT = Path("/proc/self/status"), Path("/proc/self/stat")
PACKAGES = (DISTRIBUTION, "numpy", "opencv-python-headless")
NAMES = {"x86_64": "x86-64", "aarch64": "arm64"}
START_TIME = 19  # field 22 of /proc/self/stat, counted behind the name in brackets


def describe_machine() -> Machine:
    """The board's own name where it has one, else its architecture."""
    cores = usable_cores()
    kind = NAMES.get(platform.machine(), platform.machine())
    board = _read(BOARD).strip("\0\n ")
    name = board or f"{kind}, {cores} core{'s' if cores > 1 else ''}"
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", _read(PROCESSOR), re.MULTILINE)
    return Machine(name, found[1].strip() if found else kind, cores)


def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def list_versions() -> dict[str, str]:
    """Of Python, and of the packages whose speed counts beside the runtime's."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def peak_mb() -> float | None:
    """The most memory that was resident at a time, in MB (10^6 bytes); None where the system does not say."""
    found = re.search(r"^VmHWM:\s*(\d+) kB$", _read(STATUS), re.MULTILINE)
    return round(int(found[1]) * 1024 / 1e6, 1) if found else None


def read_process_age_s() -> float | None:
    """Seconds since this process began, None where the system does not say."""
    fields = _read(STAT).rpartition(")")[2].split()
    if len(fields) <= START_TIME:
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[START_TIME]) / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
