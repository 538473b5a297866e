"""All measurements or some: python -m benchmarks [--quick] [--rounds N] [--seconds S] [NAME …].

Each prints its tables and takes its place in benchmarks/RESULTS.md (not with --quick). What the
measurements are made with (networks, clips) is kept in build/benchmarks.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from benchmarks import results
from benchmarks.comparison import FULL, QUICK, Effort, Findings, Part, as_text
from benchmarks.machine import describe
from benchmarks.parts import PARTS

WORK = Path(__file__).parents[1] / "build" / "benchmarks"


def main() -> int:
    """Measure one after the other; 1 where something is far from its goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(part.name for part in PARTS))
    parser.add_argument("--quick", action="store_true", help="as little as CI does; a margin of three")
    parser.add_argument("--rounds", type=int, help="of each comparison (default: 5)")
    parser.add_argument("--seconds", type=float, help="or so of each side of a round (default: 10)")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - {part.name for part in PARTS})
    if unknown:
        parser.error(f"there is no measurement {', '.join(unknown)}")
    effort = QUICK if options.quick else FULL
    for name in ("rounds", "seconds"):
        if getattr(options, name):
            effort = dataclasses.replace(effort, **{name: getattr(options, name)})
    chosen = [part for part in PARTS if part.name in options.names or not options.names]
    chosen = [part for part in chosen if part.quick or options.names or not options.quick]
    print(describe())
    found = [_measured(part, effort, keep=not options.quick) for part in chosen]
    return int(any(comparison.alarming for findings in found for comparison in findings.comparisons))


def _measured(part: Part, effort: Effort, *, keep: bool) -> Findings:
    started_s = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    findings = part.explained(part.run(WORK, effort))
    print(f"\n## {part.title}\n\n{as_text(findings)}\n({part.name}: {time.monotonic() - started_s:.0f} s)")
    if keep and not findings.skipped:
        results.keep(part, findings, effort)
    return findings


if __name__ == "__main__":
    sys.exit(main())
