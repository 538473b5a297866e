"""Children run from bytecode, as installed packages do; a checkout often has none."""

from __future__ import annotations

from pathlib import Path


def compiled(work: Path) -> dict[str, str]:
    """The environment in which a child finds bytecode from its second start on: the first does not count."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(work / "bytecode")}
