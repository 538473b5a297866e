"""`make deb`: the agent as a Debian package, by Debian's own tools.

    python deploy/build_deb.py aarch64-bookworm dist/

It is made of the offline archive (build_archive.py); debian/ beside this file says what goes where. Nothing
is compiled, so packages for arm64 are built on any machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile
from email.utils import formatdate
from pathlib import Path

from build_archive import RELEASES, ROOT, ArchiveError, build, main

DEBIAN = ROOT / "deploy" / "debian"
ARCHIVE = ".tar.gz"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
NUMBERS = {"bookworm": 12, "trixie": 13}  # so that a release's package is newer than that of the one before


def build_deb(target: str, into: Path) -> Path:
    """Write `edge-agent_<version>_<architecture>.deb` into a folder.

    target: one of the archive's, or an archive that is there already.
    Raises ArchiveError where the archive can't be built, and where Debian's tools are missing or fail.
    """
    if missing := [tool for tool in ("dpkg-buildpackage", "dh") if not shutil.which(tool)]:
        advice = "on Debian: apt install dpkg-dev debhelper"
        raise ArchiveError(f"can't build a Debian package: {' and '.join(missing)} not found; {advice}")
    with tempfile.TemporaryDirectory() as name:
        archive = Path(target) if target.endswith(ARCHIVE) else build(target, into)
        folder = _prepared(archive, Path(name))
        _, machine, _, release = (folder / "BUILT_FOR").read_text().split()
        _run_debhelper(folder, ARCHITECTURES[machine], RELEASES[release][1])
        (built,) = Path(name).glob("*.deb")
        into.mkdir(parents=True, exist_ok=True)
        deb = into / built.name
        half_way = deb.with_suffix(".tmp")
        shutil.copy(built, half_way)
    half_way.replace(deb)
    print(f"{deb}: {deb.stat().st_size / 1e6:.1f} MB")
    return deb


def _prepared(archive: Path, into: Path) -> Path:
    """The archive's folder, with its wheels in `site/` as pip would unpack them, and debian/."""
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    folder = into / archive.name.removesuffix(ARCHIVE)
    for wheel in sorted((folder / "wheels").iterdir()):
        with zipfile.ZipFile(wheel) as file:
            if [name for name in file.namelist() if name.split("/")[0].endswith(".data")]:
                raise ArchiveError(
                    f"can't unpack {wheel.name}: it installs files outside Python's own folder"
                )
            file.extractall(folder / "site")  # noqa: S202  # pip has chosen it
    shutil.rmtree(folder / "wheels")
    shutil.copytree(DEBIAN, folder / "debian")
    (folder / "debian" / "changelog").write_text(_changelog(folder))
    return folder


def _changelog(folder: Path) -> str:
    version, _, _, release = (folder / "BUILT_FOR").read_text().split()
    control = (DEBIAN / "control").read_text()
    (maintainer,) = (line for line in control.splitlines() if line.startswith("Maintainer: "))
    built = formatdate(float(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    return (
        f"edge-agent ({version}+deb{NUMBERS[release]}) {release}; urgency=medium\n\n"
        "  * What has changed is in the project's CHANGELOG.md.\n\n"
        f" -- {maintainer.removeprefix('Maintainer: ')}  {built}\n"
    )


def _run_debhelper(folder: Path, architecture: str, glibc: int) -> None:
    # -d: it would ask for a compiler.
    command = ["dpkg-buildpackage", "-d", "--build=binary", "--no-sign", f"--host-arch={architecture}"]
    environment = os.environ | {"GLIBC": f"2.{glibc}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        raise ArchiveError("dpkg-buildpackage failed: " + "\n".join(said[-5:]))


if __name__ == "__main__":
    main(build_deb, "Build the Debian package for a device.")
