"""`make deb`: the agent as a Debian package with its own Python environment, by Debian's own tools.

    python deploy/build_deb.py aarch64-bookworm dist/

pip fetches the device's wheels for that machine and its Debian, and debian/ says what goes where. Nothing
is compiled, so packages for arm64 are built on any machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEBIAN = ROOT / "deploy" / "debian"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Release:
    """A release of Debian: its number, its Python, and the x of its glibc 2.x."""

    number: int  # part of the version, so that a release's package is newer than that of the one before
    python: str
    glibc: int


RELEASES = {"bookworm": Release(12, "3.11", 36), "trixie": Release(13, "3.13", 41)}
TARGETS = tuple(f"{machine}-{release}" for machine in ARCHITECTURES for release in RELEASES)


class PackageError(Exception):
    """The package can't be built; the message says what, why, and what to do."""


def build(target: str, into: Path) -> Path:
    """Write `edge-agent_<version>_<architecture>.deb` into a folder, and print what each wheel costs.

    Raises PackageError for a target without wheels, and where pip or Debian's tools are missing or fail.
    """
    if target not in TARGETS:
        why = "for 32-bit ARM there are no wheels of LiteRT, numpy and OpenCV on PyPI, others are untried"
        raise PackageError(f"can't build for {target}: {why}; the targets are {', '.join(TARGETS)}")
    if missing := [tool for tool in ("dpkg-buildpackage", "dh") if not shutil.which(tool)]:
        advice = "on Debian: apt install dpkg-dev debhelper"
        raise PackageError(f"can't build a Debian package: {' and '.join(missing)} not found; {advice}")
    machine, name = target.split("-")
    release = RELEASES[name]
    with tempfile.TemporaryDirectory() as work:
        folder, wheels = Path(work) / "package", Path(work) / "wheels"
        folder.mkdir()
        wheels.mkdir()
        _download(_build_own_wheel(Path(work) / "source", wheels), wheels, machine, release)
        _unpack(wheels, folder / "site")
        print(_describe(wheels))
        shutil.copy(ROOT / "deploy" / "agent.example.toml", folder)
        shutil.copytree(DEBIAN, folder / "debian")
        _run_python("build_manuals.py", ROOT / "deploy" / "build_manuals.py", folder)
        (folder / "debian" / "changelog").write_text(_changelog(name))
        _run_debhelper(folder, ARCHITECTURES[machine], release)
        (built,) = Path(work).glob("*.deb")
        into.mkdir(parents=True, exist_ok=True)
        deb = into / built.name
        unfinished = deb.with_suffix(".tmp")
        shutil.copy(built, unfinished)
    unfinished.replace(deb)
    print(f"{deb}: {deb.stat().st_size / 1e6:.1f} MB")
    return deb


def _build_own_wheel(source: Path, wheels: Path) -> Path:
    """Built from a copy: setuptools would take stale files from a `build/` in this tree."""
    for package in ("edge", "training"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    _run_pip("wheel", "--no-deps", "--wheel-dir", wheels, source)
    return next(wheels.iterdir())


def _download(own: Path, wheels: Path, machine: str, release: Release) -> None:
    """pip takes a wheel's platform literally, so each older glibc is named as well."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(release.glibc, 4, -1)]
    options = [f"--platform={each}" for each in (*platforms, f"manylinux2014_{machine}")]
    options += [f"--abi={abi}" for abi in (f"cp{release.python.replace('.', '')}", "abi3", "none")]
    options += ["--implementation=cp", f"--python-version={release.python}", "--only-binary=:all:"]
    _run_pip("download", *options, "--constraint", ROOT / "constraints.txt", "--dest", wheels, own)


def _run_pip(*arguments: object) -> None:
    _run_python("pip", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def _run_python(what: str, *arguments: object) -> None:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr[-300:]]
        raise PackageError(f"{what} failed: {said[-1].removeprefix('ERROR: ').strip()}")


def _unpack(wheels: Path, site: Path) -> None:
    """Unpack all wheels into one folder, as pip would."""
    for wheel in sorted(wheels.iterdir()):
        with zipfile.ZipFile(wheel) as file:
            if [name for name in file.namelist() if name.split("/")[0].endswith(".data")]:
                raise PackageError(f"can't unpack {wheel.name}: it has files for outside Python's own folder")
            file.extractall(site)


def _describe(wheels: Path) -> str:
    """Megabytes of each wheel, packed and unpacked, the largest first."""
    rows = []
    for wheel in wheels.iterdir():
        with zipfile.ZipFile(wheel) as file:
            unpacked = sum(info.file_size for info in file.infolist())
        rows.append((wheel.stat().st_size / 1e6, unpacked / 1e6, " ".join(wheel.name.split("-")[:2])))
    rows.sort(reverse=True)
    rows.append((sum(row[0] for row in rows), sum(row[1] for row in rows), "all"))
    lines = [f"{name:36} {packed:7.1f} {unpacked:9.1f}" for packed, unpacked, name in rows]
    return "\n".join([f"{'wheel':36} {'MB':>7} {'installed':>9}", *lines])


def _changelog(release: str) -> str:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    control = (DEBIAN / "control").read_text()
    (maintainer,) = (line for line in control.splitlines() if line.startswith("Maintainer: "))
    built = formatdate(float(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    return (
        f"edge-agent ({version}+deb{RELEASES[release].number}) {release}; urgency=medium\n\n"
        "  * What has changed is in the project's CHANGELOG.md.\n\n"
        f" -- {maintainer.removeprefix('Maintainer: ')}  {built}\n"
    )


def _run_debhelper(folder: Path, architecture: str, release: Release) -> None:
    # -d: it would ask for a compiler.
    command = ["dpkg-buildpackage", "-d", "--build=binary", "--no-sign", f"--host-arch={architecture}"]
    environment = os.environ | {"PYTHON": f"python{release.python}", "GLIBC": f"2.{release.glibc}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        raise PackageError("dpkg-buildpackage failed: " + "\n".join(said[-5:]))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the Debian package for a device.")
    parser.add_argument("target", help=", ".join(TARGETS))
    parser.add_argument("into", type=Path, nargs="?", default=ROOT / "dist")
    arguments = parser.parse_args()
    try:
        build(arguments.target, arguments.into)
    except PackageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if arguments.target not in TARGETS else 1)


if __name__ == "__main__":
    main()
