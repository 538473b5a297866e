"""Who runs doctor, and how: permissions are looked at for this user, and commands are written for it."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sys
from pathlib import Path


def user_name() -> str:
    """The user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def is_root() -> bool:
    """True for who may read everything."""
    return os.geteuid() == 0


def as_root(command: str) -> str:
    """The command as this user must type it, where only root may do it."""
    return command if is_root() else f"sudo {command}"


def run_as(user: str) -> str:
    """Doctor once more, as another user."""
    return f"sudo -u {user} {program()} doctor"


def program() -> str:
    """`edge-agent`, as it must be typed here: as it was called, and not where a link of that name leads."""
    beside = Path(sys.executable).parent / "edge-agent"
    if not os.access(beside, os.X_OK):
        return f"{shlex.quote(sys.executable)} -m edge"
    found, called = shutil.which("edge-agent"), Path(sys.argv[0])
    if found and beside.samefile(found):
        return "edge-agent"
    is_link = called.is_absolute() and called.exists() and called.samefile(beside)
    return shlex.quote(str(called if is_link else beside))
