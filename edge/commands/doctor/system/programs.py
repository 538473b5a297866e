"""The system's own programs, asked one question each: vcgencmd, timedatectl, systemctl, journalctl."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

# These programs answer at once; one that hangs must not hold up the other checks.
TIMEOUT_S = 10.0


def answer(program: str, arguments: Sequence[str]) -> str | None:
    """What it prints, in English; None where it is not installed, refuses, or does not come back."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            env=os.environ | {"LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def properties(text: str) -> dict[str, str]:
    """`Name=value` lines, as systemd's programs print them."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
