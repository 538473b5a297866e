"""Change single settings in agent.toml: their values alone, and every other byte stays as it is."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge.errors import StorageError, UsageError

HEADER = re.compile(r"\s*\[")
ASSIGNMENT = re.compile(r"\s*[\w\"'-]+\s*=")
Settings = Mapping[str, int | str]


def written_out(settings: Settings) -> str:
    """The settings as a person would write them: `threads = 2`."""
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())


def edited(text: str, settings: Settings) -> str:
    """The text with these top-level settings; raises ValueError where it is written in an unusual way."""
    for key, value in settings.items():
        wanted = {**tomllib.loads(text), key: value}
        text = next((new for new in _attempts(text, key, value) if _means(new, wanted)), "")
        if not text:
            raise ValueError(f"there is no plain place for {key}")
    return text


def write_settings(path: Path | None, settings: Settings) -> str:
    """Change the file in one step; the difference in diff's form.

    Raises UsageError where there is no file, StorageError where it can't be changed.
    """
    if path is None:
        advice = f"write {written_out(settings)} into agent.toml, or give --config FILE"
        raise UsageError("can't write the best setting down", "there is no configuration file", advice)
    by_hand = f"write {written_out(settings)} into it by hand"
    target = path.resolve()
    try:
        old = target.read_bytes().decode()
        new = edited(old, settings)
        _replace(target, new.encode())
    except OSError as error:
        raise StorageError(f"can't change {path}", error.strerror or str(error), by_hand) from error
    except ValueError as error:
        raise StorageError(f"can't change {path}", str(error), by_hand) from error
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), str(path), str(path), lineterm="", n=1)
    return "\n".join(lines)


def _attempts(text: str, key: str, value: int | str) -> Iterator[str]:
    """Where the setting stands; below it where it is commented out; behind the others; at the top."""
    lines = text.splitlines(keepends=True)
    top = next((number for number, line in enumerate(lines) if HEADER.match(line)), len(lines))
    assignment = re.compile(rf"(\s*{key}\s*=\s*)(\"[^\"\\]*\"|'[^']*'|[^\s#\"']+)")
    for number, line in enumerate(lines[:top]):
        if found := assignment.match(line):
            changed = f"{found[1]}{json.dumps(value)}{line[found.end() :]}"
            yield "".join([*lines[:number], changed, *lines[number + 1 :]])
    commented = re.compile(rf"\s*#\s*{key}\s*=")
    places = [number + 1 for number, line in enumerate(lines[:top]) if commented.match(line)]
    places += [number + 1 for number, line in enumerate(lines[:top]) if ASSIGNMENT.match(line)][-1:]
    end = "\r\n" if "\r\n" in text else "\n"
    for place in [*places, 0]:
        before = "".join(lines[:place])
        gap = end if before and not before.endswith("\n") else ""
        yield f"{before}{gap}{key} = {json.dumps(value)}{end}{''.join(lines[place:])}"


def _means(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all, with the old file's owner and permissions: it may hold a camera's password."""
    old = path.stat()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(descriptor, old.st_uid, old.st_gid)
            os.fchmod(descriptor, old.st_mode & 0o7777)
            os.fsync(descriptor)
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
