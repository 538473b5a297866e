"""Who runs doctor, and how: permissions are looked at for this user, and commands are written for it."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sys


def user_name() -> str:
    """The user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def as_root(command: str) -> str:
    """The command as this user must type it, where only root may do it."""
    return command if os.geteuid() == 0 else f"sudo {command}"


def run_as(user: str) -> str:
    """Doctor once more, as another user."""
    return f"sudo -u {user} {program()} doctor"


def program() -> str:
    """`edge-agent`, as it must be typed here."""
    beside = os.path.join(os.path.dirname(sys.executable), "edge-agent")  # noqa: PTH118, PTH120 (not resolved)
    if not os.access(beside, os.X_OK):
        return f"{shlex.quote(sys.executable)} -m edge"
    return "edge-agent" if shutil.which("edge-agent") == beside else shlex.quote(beside)
