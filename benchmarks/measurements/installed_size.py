"""How much disk the device's environment takes, by package: what was installed, bytecode included.

Of another environment than `make setup-edge`'s: python -m benchmarks.measurements.installed_size PYTHON
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.comparison import Effort, Findings, Part, Table, as_text

GOAL_MB = 340.0
DEVICE = Path(__file__).parents[2] / ".venv-edge" / "bin" / "python"
LEFT_OUT = {
    "pip": "an installer: not for running",
    "setuptools": "comes with the environment on Python 3.11: not for running",
    "iotcore": "the embedded broker, an extra: for trying things out",
}
DROPPABLE = {
    "Pygments": "only rich's syntax colours: typer requires rich, which requires it",
    "rich": "help and tables in the terminal: typer requires it",
    "protobuf": "LiteRT requires it; the agent does not import it",
    "ml_dtypes": "LiteRT requires it; the agent does not import it",
    "tqdm": "LiteRT requires it; the agent does not import it",
    "opencv-python-headless": "its BLAS (38 MB) and most codecs: only by building it anew",
    "ai-edge-litert": "a GPU accelerator, tools, vendors (32 MB): only by hand",
}
PROGRAM = """
import importlib.metadata, os, re
def closure(name, found):
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in found:
        return
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return
    found[key] = package
    for line in package.requires or ():
        extra = re.search(r"extra\\s*==\\s*['\\"](\\w+)", line)
        if extra is None or (key == "edge-agent" and extra[1] == "embedded"):
            closure(re.match(r"[\\w.-]+", line)[0], found)
found = {}
for name in ("edge-agent", "pip", "setuptools"):
    closure(name, found)
for package in found.values():
    places = {os.path.realpath(package.locate_file(file)) for file in package.files or ()}
    print(package.metadata["Name"], sum(os.path.getsize(place) for place in places if os.path.isfile(place)))
"""


def sizes(python: Path) -> dict[str, int]:
    """Bytes by distribution of what the agent needs in that environment, and of its installers."""
    answer = subprocess.run([python, "-P", "-c", PROGRAM], check=True, capture_output=True, text=True).stdout
    return {name: int(size) for name, size in (line.rsplit(" ", 1) for line in answer.splitlines())}


def findings(python: Path) -> Findings:
    """The table, the largest first, and the sums against the goal."""
    found = sizes(python)
    if not found:
        return Findings(skipped=f"{python} has no edge-agent")
    rows = [
        (name, f"{size / 1e6:.1f}", LEFT_OUT.get(name, DROPPABLE.get(name, "")))
        for name, size in sorted(found.items(), key=lambda item: -item[1])
    ]
    total = sum(found.values()) / 1e6
    asked = total - sum(found.get(name, 0) for name in ("pip", "iotcore")) / 1e6
    running = asked - found.get("setuptools", 0) / 1e6
    verdict = "reached" if asked < GOAL_MB else "MISSED"
    remark = (
        f"{total:.0f} MB in all; {asked:.0f} without pip and the embedded broker (goal: under {GOAL_MB:.0f}, "
        f"{verdict}); {running:.0f} without setuptools as well."
    )
    return Findings(tables=(Table(("package", "MB", "what could go"), tuple(rows)),), remarks=(remark,))


def run(_work: Path, _effort: Effort) -> Findings:
    """Of the device's environment in this checkout."""
    if not DEVICE.is_file():
        return Findings(skipped="there is no .venv-edge here; run `make setup-edge`")
    return findings(DEVICE)


PART = Part("installed_size", "Installed size", run, quick=False)

if __name__ == "__main__":
    print(as_text(findings(Path(sys.argv[1] if len(sys.argv) > 1 else DEVICE))))
