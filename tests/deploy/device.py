"""The machine that install.sh is run on: what is asked of it, and archives that are spoilt on purpose."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

LINK = Path("/opt/edge-agent")
SETTINGS = Path("/etc/edge-agent")
STATE = Path("/var/lib/edge-agent")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(*command: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run to the end, with nothing of this test's own environment; output and errors together."""
    return subprocess.run(
        [*map(str, command)],
        env={"PATH": PATH, "HOME": "/root"} | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1200,  # a busy machine takes minutes for an installation, or for lintian
    )


def install(folder: Path, *options: object) -> str:
    """What install.sh says; it must succeed."""
    done = run(folder / "install.sh", *options)
    assert done.returncode == 0, done.stdout
    return done.stdout


def property_of(unit: str, name: str) -> str:
    """What systemd knows of a unit."""
    return run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()


def is_active(unit: str) -> bool:
    """Notified, and still there."""
    return property_of(unit, "ActiveState") == "active"


def journal(unit: str) -> str:
    """All that a unit has logged."""
    return run("journalctl", "--no-pager", "--unit", unit).stdout


def unpacked(archive: Path, into: Path) -> Path:
    """The archive's one folder."""
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder


def copied(folder: Path, to: Path) -> Path:
    """Another archive's folder, to be changed; big files are shared."""
    shutil.copytree(folder, to, copy_function=_link_big_ones)
    return to


def write(folder: Path, name: str, text: str) -> None:
    """Put other text into an archive's file, and its sum into SHA256SUMS."""
    (folder / name).write_text(text)
    renew_sum(folder, name)


def renew_sum(folder: Path, name: str) -> None:
    """Make SHA256SUMS agree with a changed file."""
    sums = folder / "SHA256SUMS"
    lines = [line for line in sums.read_text().splitlines() if not line.endswith(f"  {name}")]
    lines.append(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}")
    sums.write_text("\n".join(lines) + "\n")


def own_wheel(folder: Path) -> Path:
    """The agent's own package in an archive's folder."""
    return next((folder / "wheels").glob("edge_camera_agent-*.whl"))


def add_to_wheel(folder: Path, module: str, code: str) -> None:
    """Put code at the end of one of the agent's modules."""
    wheel = own_wheel(folder)
    half_way = wheel.with_suffix(".tmp")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(half_way, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info, content + code.encode() if info.filename == module else content)
    half_way.replace(wheel)
    renew_sum(folder, f"wheels/{wheel.name}")


def _link_big_ones(source: str, target: str) -> None:
    if Path(source).stat().st_size > 1e6:
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
