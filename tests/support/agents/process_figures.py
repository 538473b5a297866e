"""What /proc says of a process: resident memory, threads, open descriptors."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figures:
    """One look; memory in MB (10^6 bytes)."""

    memory_mb: float
    threads: int
    descriptors: int


def figures(pid: int) -> Figures:
    """Look now; raises OSError once the process is gone."""
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    memory_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    threads, descriptors = (sum(1 for _ in (process / part).iterdir()) for part in ("task", "fd"))
    return Figures(memory_mb, threads, descriptors)
