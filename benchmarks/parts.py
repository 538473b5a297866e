"""Which measurements there are, in the order of RESULTS.md."""

from __future__ import annotations

from benchmarks import installed_size, memory, start, throughput
from benchmarks.comparison import Part

PARTS: tuple[Part, ...] = (throughput.PART, memory.PART, start.PART, installed_size.PART)
