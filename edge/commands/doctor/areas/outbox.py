"""The events that wait on disk: is their file whole? It is never opened itself, for an agent may have it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.system.user import as_root, user_name

PART = "outbox"
SQLITE_LOCKS = 0x40000000  # SQLite locks bytes from here on, and nobody else does
LOCKS = Path("/proc/locks")


def examine(path: Path, *, ours: bool) -> list[Finding]:
    """Held by an agent, whole or damaged; nothing where there is none. ours: we are who writes there."""
    try:
        path.stat()
    except OSError:
        return []
    holder = find_lock_holder(path)
    if holder is not None:
        return [Finding(PART, f"in use by the agent that runs (process {holder})")]
    if ours and not os.access(path, os.R_OK | os.W_OK):
        return [failure(PART, f"{user_name()} may not write {path}", as_root(f"chown {user_name()} {path}*"))]
    try:
        waiting = _count_events_in_copy(path)
    except sqlite3.DatabaseError as error:
        detail = f"{path} is damaged ({error}); at its start the agent puts it aside and begins a new one"
        return [warning(PART, detail, f"cp -p {path} {path}.copy  # if its events matter")]
    except OSError as error:
        return [warning(PART, f"{path} can't be looked at: {error.strerror}", f"ls -l {path}")]
    return [Finding(PART, f"whole, events that wait: {waiting}")]


def find_lock_holder(path: Path) -> int | None:
    """The process that has the SQLite file locked, from the kernel's list; asking would mean locking."""
    inode = path.stat().st_ino
    try:
        lines = LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()  # 1: POSIX ADVISORY WRITE 1234 fd:01:5678 1073741824 1073742335
        if len(words) == 8 and words[5].rpartition(":")[2] == str(inode) and int(words[6]) >= SQLITE_LOCKS:
            return int(words[4])
    return None


def _count_events_in_copy(path: Path) -> int:
    """How many events wait; raises sqlite3.DatabaseError where the file is no good."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name(log.name))
        with closing(sqlite3.connect(copy)) as database:
            ((answer,),) = database.execute("PRAGMA quick_check(1)")
            if answer != "ok":
                raise sqlite3.DatabaseError(answer)
            ((count,),) = database.execute("SELECT count(*) FROM events")
    return int(count)
