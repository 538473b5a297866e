"""What this project is called where Python packages are installed, and how one of its extras gets there.

On the public index `edge-agent` is somebody else's package: no hint may ever name it to pip.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence

DISTRIBUTION = "edge-camera-agent"
RUNTIMES = ("ai-edge-litert", "tflite-runtime")


def version(name: str = DISTRIBUTION) -> str:
    """The installed version of this project or of another distribution; empty where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def describe_version(program: str, libraries: Sequence[str] = RUNTIMES) -> str:
    """The answer to `--version`: the package, the libraries that are installed, and Python."""
    found = {library: version(library) for library in libraries}
    parts = [f"{program} ({DISTRIBUTION}) {version() or 'not installed'}"]
    parts += [f"{library} {number}" for library, number in found.items() if number]
    return ", ".join([*parts, f"Python {platform.python_version()}"])


def install_hint(extra: str) -> str:
    """The command that installs an extra, as it is typed in the folder of this project."""
    return f"pip install '.[{extra}]' in this project's folder"
