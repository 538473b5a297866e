"""`make dist`: one archive with all that a device needs to install the agent without a network.

    python deploy/build_archive.py aarch64-bookworm dist/

Our own wheel, the device's wheels for that machine and its Debian, and the files of this folder.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MACHINES = ("x86_64", "aarch64")
RELEASES = {"bookworm": ("3.11", 36), "trixie": ("3.13", 41)}  # its Python, and its glibc's 2.x
TARGETS = tuple(f"{machine}-{release}" for machine in MACHINES for release in RELEASES)
CARRIED = ("install.sh", "edge-agent.service", "edge-agent@.service", "agent.example.toml", "README.md")
EPOCH = 315532800  # 1980, where a zip's time begins: the same files make the same archive


class ArchiveError(Exception):
    """The archive can't be built; the message says what, why, and what to do."""


def build(target: str, into: Path) -> Path:
    """Write `edge-agent-<version>-<target>.tar.gz` into a folder, and print what each wheel costs.

    Raises ArchiveError for a target without wheels, and where pip fails.
    """
    if target not in TARGETS:
        why = "for 32-bit ARM there are no wheels of LiteRT, numpy and OpenCV on PyPI, others are untried"
        raise ArchiveError(f"can't build for {target}: {why}; the targets are {', '.join(TARGETS)}")
    machine, release = target.split("-")
    python, glibc = RELEASES[release]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    archive = into / f"edge-agent-{version}-{target}.tar.gz"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / archive.name.removesuffix(".tar.gz")
        wheels = folder / "wheels"
        wheels.mkdir(parents=True)
        own = _own_wheel(Path(name) / "source", wheels)
        _download(own, wheels, machine, python, glibc)
        for file in CARRIED:
            shutil.copy(ROOT / "deploy" / file, folder)
        (folder / "BUILT_FOR").write_text(f"{version} {machine} {python} {release}\n")
        (folder / "constraints.txt").write_text("".join(f"{line}\n" for line in _pins(wheels)))
        _write_sums(folder)
        into.mkdir(parents=True, exist_ok=True)
        pack(folder, archive)
        print(_table(wheels))
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    return archive


def _own_wheel(source: Path, wheels: Path) -> Path:
    """Built from a copy: setuptools would take stale files from a `build/` in this tree."""
    for package in ("edge", "training"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    _pip("wheel", "--no-deps", "--wheel-dir", wheels, source)
    return next(wheels.glob("edge_camera_agent-*.whl"))


def _download(own: Path, wheels: Path, machine: str, python: str, glibc: int) -> None:
    """pip takes a wheel's platform literally, so each older glibc is named as well."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, 4, -1)]
    options = [f"--platform={each}" for each in (*platforms, f"manylinux2014_{machine}")]
    options += [f"--abi={abi}" for abi in (f"cp{python.replace('.', '')}", "abi3", "none")]
    options += ["--implementation=cp", f"--python-version={python}", "--only-binary=:all:"]
    _pip("download", *options, "--constraint", ROOT / "constraints.txt", "--dest", wheels, own)


def _pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr[-300:]]
        raise ArchiveError(f"pip {arguments[0]} failed: {said[-1].removeprefix('ERROR: ').strip()}")


def _pins(wheels: Path) -> list[str]:
    parts = (wheel.name.split("-") for wheel in sorted(wheels.iterdir()))
    return [f"{name}=={version}" for name, version, *_tags in parts]


def _write_sums(folder: Path) -> None:
    """What `sha256sum --check` reads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def pack(folder: Path, archive: Path) -> None:
    """Sorted, and without this machine's times and owners; wheels are compressed already."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = EPOCH, 0, 0, "", ""
        entry.mode = 0o755 if entry.isdir() or entry.name.endswith(".sh") else 0o644
        return entry

    half_way = archive.with_suffix(".tmp")
    with (
        half_way.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        tar.add(folder, folder.name, filter=plain)  # in the order of names
    half_way.replace(archive)


def _table(wheels: Path) -> str:
    """Megabytes of each wheel, packed and unpacked, the largest first; small ones in one line."""
    rows = []
    for wheel in wheels.iterdir():
        with zipfile.ZipFile(wheel) as file:
            unpacked = sum(info.file_size for info in file.infolist())
        rows.append((wheel.stat().st_size / 1e6, unpacked / 1e6, " ".join(wheel.name.split("-")[:2])))
    rows.sort(reverse=True)
    small = [row for row in rows if row[0] < 1]
    rows = [row for row in rows if row[0] >= 1]
    rows.append((sum(row[0] for row in small), sum(row[1] for row in small), f"{len(small)} small ones"))
    rows.append((sum(row[0] for row in rows), sum(row[1] for row in rows), "all"))
    lines = [f"{name:36} {packed:7.1f} {unpacked:9.1f}" for packed, unpacked, name in rows]
    return "\n".join([f"{'wheel':36} {'MB':>7} {'installed':>9}", *lines])


def main(make: Callable[[str, Path], Path], description: str) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("target", help=", ".join(TARGETS))
    parser.add_argument("into", type=Path, nargs="?", default=ROOT / "dist")
    arguments = parser.parse_args()
    try:
        make(arguments.target, arguments.into)
    except ArchiveError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if arguments.target not in TARGETS else 1)


if __name__ == "__main__":
    main(build, "Build the offline archive for a device.")
