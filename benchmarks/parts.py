"""Which measurements there are, in the order of RESULTS.md."""

from __future__ import annotations

from benchmarks import messages, throughput
from benchmarks.comparison import Part

PARTS: tuple[Part, ...] = (throughput.PART, messages.PART)
