"""What this project is called where Python packages are installed, and how one of its extras gets there.

On the public index `edge-agent` is somebody else's package: no hint may ever name it to pip.
"""

from __future__ import annotations

import importlib.metadata

DISTRIBUTION = "edge-camera-agent"


def version() -> str:
    """The installed version of this project; empty where it runs without being installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""


def install_hint(extra: str) -> str:
    """The command that installs an extra, as it is typed in the folder of this project."""
    return f"pip install '.[{extra}]' in this project's folder"
