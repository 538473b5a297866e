"""What doctor says of one part: how it is, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """WARN: the agent works, but not for long or not as meant; FAIL: it does not."""

    OK = "ok"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part and how it is; remedy: a command wherever there is one. exit_code is 0 unless it fails."""

    part: str
    detail: str
    grade: Grade = Grade.OK
    remedy: str = ""
    exit_code: int = 0


def warning(part: str, detail: str, remedy: str) -> Finding:
    """Something to mend, though the agent works."""
    return Finding(part, detail, Grade.WARN, remedy)


def failure(part: str, detail: str, remedy: str, exit_code: int = 1) -> Finding:
    """Something that keeps the agent from working."""
    return Finding(part, detail, Grade.FAIL, remedy, exit_code)
