"""Which measurements there are, in the order of RESULTS.md."""

from __future__ import annotations

from benchmarks import (
    cameras,
    gate,
    installed_size,
    latency,
    memory,
    messages,
    start,
    throughput,
    unclassified,
)
from benchmarks.comparison import Part

PARTS: tuple[Part, ...] = (
    throughput.PART,
    latency.PART,
    memory.PART,
    start.PART,
    cameras.PART,
    messages.PART,
    unclassified.PART,
    gate.PART,
    installed_size.PART,
)
