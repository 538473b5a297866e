"""Which measurements there are, in the order of RESULTS.md."""

from __future__ import annotations

from benchmarks.comparison import Part
from benchmarks.measurements import (
    cameras,
    installed_size,
    latency,
    memory,
    messages,
    rivals,
    runtime_choices,
    start,
    throughput,
    unclassified,
)

PARTS: tuple[Part, ...] = (
    throughput.PART,
    latency.PART,
    memory.PART,
    start.PART,
    cameras.PART,
    messages.PART,
    unclassified.PART,
    runtime_choices.PART,
    installed_size.PART,
    rivals.PART,
)
