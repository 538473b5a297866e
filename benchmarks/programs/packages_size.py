"""How much room a program's packages take where they are installed, with all that they need in turn."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed_mb(environment: Path, names: Iterable[str]) -> float:
    """10⁶ bytes of these distributions and their requirements in a virtual environment.

    Raises PackageNotFoundError for one of `names` that is not there.
    """
    (packages,) = environment.glob("lib/python3*/site-packages")
    there = {
        canonicalize_name(found.metadata["Name"]): found
        for found in importlib.metadata.distributions(path=[str(packages)])
    }
    waiting, counted = [canonicalize_name(name) for name in names], dict[str, int]()
    missing = [name for name in waiting if name not in there]
    if missing:
        raise importlib.metadata.PackageNotFoundError(missing[0])
    while waiting:
        name = waiting.pop()
        if name in there and name not in counted:
            counted[name] = _bytes_of(there[name])
            waiting += _needs(there[name])
    return sum(counted.values()) / 1e6


def tree_mb(*folders: Path) -> float:
    """10⁶ bytes of the Python sources in these folders, for packages that are installed as links to them."""
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*.py")) / 1e6


def _bytes_of(distribution: importlib.metadata.Distribution) -> int:
    paths = [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _needs(distribution: importlib.metadata.Distribution) -> list[str]:
    """The requirements that hold here, without extras."""
    wanted = [Requirement(line) for line in distribution.requires or ()]
    holding = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return [canonicalize_name(each.name) for each in holding]
