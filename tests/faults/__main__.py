"""The faults, or those named, and a table of what came of them: python -m tests.faults [--short] [NAME …]."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.faults.faults import FAULTS, GUEST_FAULTS
from tests.faults.outcome import Fault, Outcome, table


def main() -> int:
    """Do them one after the other; 1 where a claim did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    names = [fault.name for fault in (*FAULTS, *GUEST_FAULTS)]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--short", action="store_true", help="as few tries as in CI")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"there is no fault {', '.join(unknown)}")
    named = [fault for fault in (*FAULTS, *GUEST_FAULTS) if fault.name in options.names]
    chosen = named or FAULTS
    outcomes = [_done(fault, fault.short_tries if options.short else fault.tries) for fault in chosen]
    print(f"\n{platform.machine()}, {platform.system()}\n{table(outcomes)}")
    return int(not all(outcome.held for outcome in outcomes))


def _done(fault: Fault, tries: int) -> Outcome:
    print(f"{fault.name} …", end=" ", flush=True)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = fault.run(Path(folder), tries)
        except pytest.skip.Exception as error:
            outcome = Outcome(fault.name, 0, note=f"skipped: {error}")
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 (do the others all the same)
            outcome = Outcome(fault.name, tries, trouble=(f"{type(error).__name__}: {error}",))
    print(f"{time.monotonic() - started_s:.0f} s: {outcome.row[-1]}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
