"""What is installed: Python and the device's packages, and whether they can be imported.

They are imported in another process, which a wheel for another processor or another numpy can end.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shlex
import signal
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.commands.doctor.system.runtimes import RUNTIMES
from edge.commands.doctor.system.user import as_root
from edge.distribution import DISTRIBUTION

OURS = DISTRIBUTION
MODULES = {"numpy": "numpy", "paho-mqtt": "paho.mqtt.enums", "pydantic": "pydantic"}
HEADLESS = "opencv-python-headless"
OPENCVS = (HEADLESS, "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
# Generous: the first import after a start reads much from a card that may be slow.
IMPORT_TIMEOUT_S = 60.0
OTHER_NUMPY = re.compile(
    r"_ARRAY_API|multiarray failed to import|compiled using NumPy|numpy\.\w+ size changed"
)
DPKG_RECORD = Path("/var/lib/dpkg/info/edge-agent.list")


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed. problems: of packages that can't be loaded, the last that the import said.

    minimums: what our own package asks for. pip: the command that installs into this Python.
    """

    python: tuple[int, int]
    machine: str
    bits: int
    versions: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    minimums: Mapping[str, str] = field(default_factory=dict)
    pip: str = "pip"

    def select(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are installed."""
        return [name for name in names if name in self.versions]


def look() -> Installed:
    """Ask Python's own records, and import the packages: one by one, if all together fails."""
    known = {name: _find_version(name) for name in (OURS, *MODULES, *OPENCVS, *RUNTIMES)}
    versions = {name: version for name, version in known.items() if version is not None}
    opencv = [name for name in OPENCVS if name in versions][:1]  # they are one folder
    modules = {**MODULES, **dict.fromkeys(opencv, "cv2"), **RUNTIMES}
    wanted = {name: module for name, module in modules.items() if name in versions}
    tried = {name: _import(module) for name, module in wanted.items()} if _import(*wanted.values()) else {}
    return Installed(
        sys.version_info[:2],
        platform.machine(),
        8 * struct.calcsize("P"),
        versions,
        {name: problem for name, problem in tried.items() if problem},
        _read_minimums(),
        _pip_command(),
    )


def search_path() -> dict[str, str]:
    """The environment in which another Python finds what this one finds."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _pip_command() -> str:
    """How to install into the Python that runs this; where Debian's tools do, pip's words are a comment."""
    if importlib.util.find_spec("pip") is None and DPKG_RECORD.exists():
        return as_root("apt install --reinstall ./edge-agent_*.deb  # instead of pip")
    command = f"{shlex.quote(sys.executable)} -m pip"
    return command if os.access(sysconfig.get_path("purelib"), os.W_OK) else as_root(command)


def _import(*modules: str) -> str:
    """What is wrong with one of these modules, empty if nothing is."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", f"import {', '.join(modules) or 'sys'}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=IMPORT_TIMEOUT_S,
            env=search_path(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"its import takes more than {IMPORT_TIMEOUT_S:g} s"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode < 0:
        return f"its import crashes ({signal.Signals(-done.returncode).name})"
    if done.returncode:
        other_numpy = [line for line in said if OTHER_NUMPY.search(line)]
        return (other_numpy or said or [f"its import ends with {done.returncode}"])[-1]
    return ""


def _read_minimums() -> dict[str, str]:
    """What our own package's record asks for with `>=`, whatever the machine."""
    try:
        lines = importlib.metadata.requires(OURS) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    matches = (re.match(r"([\w.-]+)[^;]*?>=\s*([\d.]+)", line) for line in lines if "extra ==" not in line)
    return {_plain(match[1]): match[2] for match in matches if match}


def _find_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def numbers(version: str) -> tuple[int, ...]:
    """A version's first three numbers, to be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])
