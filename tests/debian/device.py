"""The machine that the package is installed on: what is asked of it, and packages that are made anew."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.agents.command_line import ROOT

AGENT, FRONT, YARD = "edge-agent.service", "edge-agent@front.service", "edge-agent@yard.service"
DEVICE = "edge-pi-local"
PRIVATE = Path("/usr/lib/edge-agent")
SETTINGS = Path("/etc/edge-agent")
STATE = Path("/var/lib/edge-agent")
UNITS = Path("/etc/systemd/system")
CURRENT = STATE / "models" / "current"
UNATTENDED = ("--force-confdef", "--force-confold")  # as unattended-upgrades answers dpkg's questions
HINT = "edge-agent has no model yet: sudo edge-agent models add model.tflite"
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


def dpkg(*arguments: object) -> str:
    """What dpkg says; it must succeed."""
    done = run("dpkg", *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def deploy(**told: object) -> subprocess.CompletedProcess[str]:
    """`make deploy`, told these settings."""
    return run(ROOT / "deploy" / "deploy.sh", env={key: str(value) for key, value in told.items()})


def on_device(model: object = "", camera: str = "") -> subprocess.CompletedProcess[str]:
    """What `make deploy` does once the package is installed."""
    return run(ROOT / "deploy" / "on-device.sh", "", model, camera, "")


def property_of(unit: str, name: str) -> str:
    """What systemd knows of a unit."""
    return run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()


def is_active(unit: str) -> bool:
    """Notified, and still there."""
    return property_of(unit, "ActiveState") == "active"


def journal(unit: str) -> str:
    """All that a unit has logged."""
    return run("journalctl", "--no-pager", "--unit", unit).stdout


def rebuild(package: Path, folder: Path, change: Callable[[Path], None]) -> Path:
    """Another package, of this one's files after a change to them."""
    content, built = folder / "content", folder / "changed.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", package, content], check=True)
    change(content)
    subprocess.run(["dpkg-deb", "-Znone", "--build", content, built], check=True)
    shutil.rmtree(content)
    return built


def set_field(content: Path, name: str, value: str) -> None:
    """Change a field of a package's control file."""
    control = content / "DEBIAN/control"
    control.write_text(re.sub(f"(?m)^{name}: .*", f"{name}: {value}", control.read_text()))
