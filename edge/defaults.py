"""What an agent is called and where it keeps things, unless it is told."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path

INSTANCE_VARIABLE = "EDGE_AGENT_INSTANCE"


def slug(text: str) -> str:
    """A topic level made from any text: lowercase letters, digits, `-` and `_`."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:64] or "device"


def default_device_id(environment: Mapping[str, str]) -> str:
    """The host's name; behind it the instance's, where `edge-agent@.service` runs several agents."""
    instance = environment.get(INSTANCE_VARIABLE)
    return slug(f"{socket.gethostname()}-{instance}" if instance else socket.gethostname())


def default_state_dir(environment: Mapping[str, str]) -> Path:
    """Where an agent keeps what must survive a restart: systemd's choice, else the user's state folder."""
    if environment.get("STATE_DIRECTORY"):
        return Path(environment["STATE_DIRECTORY"].split(":")[0])
    base = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME", "/tmp")) / ".local/state"  # noqa: S108
    return Path(base) / "edge-agent"


def usual_config_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where agent.toml is looked for: the current folder, the user's settings, the machine's settings."""
    home = environment.get("HOME")
    own = Path(environment.get("XDG_CONFIG_HOME", ""))
    # The XDG specification tells programs to ignore a relative path.
    folder = own if own.is_absolute() else Path(home) / ".config" if home else None
    user = [folder / "edge-agent/agent.toml"] if folder else []
    return Path("agent.toml"), *user, Path("/etc/edge-agent/agent.toml")
