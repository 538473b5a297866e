"""What the machine is made of: Debian's kernel and root (once in build/), and the agent with its packages."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import GOLDEN
from tests.support.agents.command_line import ROOT
from tests.support.tools import need_program

STAND_INS = ROOT.parent / "shared" / "pi"
BUILT = ROOT / "build" / "guest"
QUICKEST = "x86_64-bookworm"  # the machine and the Debian release that an image is built for
QEMU = {"x86_64": "qemu-system-x86_64", "aarch64": "qemu-system-aarch64"}
DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
BUILT_WITH = ("mmdebstrap", "mke2fs", "cpio", "depmod", "xz", "zstd", "systemd-sysusers")
PYTHON = "311"  # Debian 12's
MODEL = "/payload/model.tflite"
# Orders come and answers go over one port; there is nothing on the network to listen to.
RUN = """
until [ -e /dev/virtio-ports/orders ]; do sleep 0.2; done
exec bash <> /dev/virtio-ports/orders >&0 2>&1
"""


def need_machine(target: str = QUICKEST) -> str:
    """The path of QEMU; skips where a machine can't be had."""
    if os.geteuid() != 0 or platform.machine() != "x86_64" or not STAND_INS.is_dir():
        pytest.skip("it takes ../shared/pi, root, and an x86-64 machine")
    qemu = QEMU[target.split("-")[0]]
    missing = [program for program in (qemu, *BUILT_WITH) if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: ../shared/pi/README.md names the Debian packages")
    return str(shutil.which(qemu))


@functools.cache
def built_system(target: str = QUICKEST) -> Path:
    """The folder of kernel, initrd and root; built where it is not there yet, in about a minute."""
    folder = BUILT / target
    if not (folder / "info").exists():
        machine, release = target.split("-")
        _run(STAND_INS / "build.sh", "-s", release, "-a", DEBIAN_NAMES[machine], "-o", folder)
    return folder


def root_disk(folder: Path, target: str) -> Path:
    """A copy of the root, to be written to: it keeps what was installed from one boot to the next."""
    disk = folder / "root.img"
    _run("cp", "--sparse=always", built_system(target) / disk.name, disk)
    return disk


def payload(folder: Path) -> Path:
    """A new disk image with the agent as it is in this tree, which the machine mounts at /payload."""
    content = folder / "payload"
    shutil.copytree(_packages(), content / "site", copy_function=os.link)
    shutil.copytree(ROOT / "edge", content / "edge")
    shutil.copy(GOLDEN, content / "model.tflite")
    return packed_payload(content)


def packed_payload(content: Path) -> Path:
    """A new disk image beside a folder, which goes into it, with a shell that takes orders."""
    (content / "run.sh").write_text(RUN)
    image = make_disk(content.with_suffix(".img"), 1024, content)
    shutil.rmtree(content)
    return image


def make_disk(image: Path, size_mb: int, content: Path | None = None) -> Path:
    """A sparse file with an ext4 file system."""
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    _run(need_program("mke2fs"), "-q", "-F", "-t", "ext4", *(("-d", content) if content else ()), image)
    return image


@functools.cache
def _packages() -> Path:
    """The device's dependencies as the guest's Python wants them."""
    site = BUILT / "site"
    if not site.exists():
        wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        half_way = BUILT / "site.tmp"
        pip = (sys.executable, "-m", "pip", "--quiet", "install", "--only-binary=:all:", "--upgrade")
        pinned = ("--python-version", PYTHON, "--constraint", ROOT / "constraints.txt")
        _run(*pip, *pinned, "--target", half_way, *wanted)
        half_way.rename(site)
    return site


def _run(*command: object) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
