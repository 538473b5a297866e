"""`make pi-test`: python -m tests.pi [TARGET] [--model FILE]; a table, and 1 where a step did not hold.

The emulated machine tells what works and what does not, but nothing of speed.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.image import BUILT, built_system, need_machine
from tests.pi.device import Device
from tests.pi.payload import build_package, make_payload
from tests.pi.report import Row, row_of, table
from tests.pi.steps import STEPS

TARGETS = ("aarch64-bookworm", "aarch64-trixie", "x86_64-bookworm", "x86_64-trixie")


def main() -> int:
    """Take a device through its life."""
    parser = argparse.ArgumentParser(prog="python -m tests.pi", description=__doc__)
    parser.add_argument("target", nargs="?", default=TARGETS[0], choices=TARGETS)
    parser.add_argument(
        "--model", type=Path, action="append", default=[], help="its self-test must hold there too"
    )
    options = parser.parse_args()
    for model in options.model:
        if not model.is_file():
            parser.error(f"there is no model {model}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the machine must not outlive its test
    try:
        need_machine(options.target)
    except pytest.skip.Exception as error:
        print(f"skipped: {error}")
        return 0
    folder = BUILT.parent / "pi-test" / options.target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = list(_rows(folder, options.target, options.model))
    print(f"\n{options.target}, emulated\n{table(rows)}\nwhat the unit logged: {folder / 'journal.txt'}")
    return int(not all(row.held for row in rows))


def _rows(folder: Path, target: str, models: list[Path]) -> Iterator[Row]:
    """Each step's row, printed as it comes; ends early where what all others need is missing."""
    yield (image := row_of("image", lambda: _built(target)))
    package = folder / "package"
    yield (built := row_of("make deb", lambda: _size(build_package(target, package))))
    if not (image.held and built.held):
        return
    (file,) = package.iterdir()
    device = Device(folder, make_payload(folder, file, models), target)
    try:
        for step in STEPS:
            device.allow(step.within_s)
            yield (row := row_of(step.name, lambda step=step: step.do(device)))  # type: ignore[misc]
            if step.needed and not row.held:
                return
    finally:
        device.close()


def _built(target: str) -> str:
    return (built_system(target) / "info").read_text().strip()


def _size(package: Path) -> str:
    return f"{package.name}, {package.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
