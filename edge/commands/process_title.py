"""Passwords on our own command line, which `ps` shows to everybody, are overwritten (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterable
from pathlib import Path

STAT = Path("/proc/self/stat")
# proc(5): fields 48 and 49, counted from 1; the name, field 2, ends with the last parenthesis.
ARG_START, ARG_END = 48 - 3, 49 - 3


def hide(secrets: Iterable[str]) -> None:
    """Put asterisks in place of these parts of the command line; nothing where the system has no /proc."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = STAT.read_text().rpartition(")")[2].split()
        start, end = int(fields[ARG_START]), int(fields[ARG_END])
        line = ctypes.string_at(start, end - start) if start else b""
        for secret in filter(None, (secret.encode() for secret in secrets)):
            place = line.find(secret)
            while place >= 0:
                ctypes.memset(start + place, ord("*"), len(secret))
                place = line.find(secret, place + 1)
