"""What a power cut leaves of the outbox on a disk image, read without a machine."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.publish.outbox.event_store import EventStore
from tests.support.tools import need_program


@dataclass(frozen=True, slots=True)
class Remains:
    """last: the highest number given, 0 for none. waiting: events in order. whole: SQLite finds no fault."""

    last: int
    waiting: list[dict[str, Any]]
    whole: bool = True


def remains(image: Path, outbox: str) -> Remains:
    """The outbox of one camera in this file, as the next start would find it."""
    folder = image.with_suffix(".files")
    folder.mkdir()
    subprocess.run(
        [need_program("e2fsck"), "-y", "-E", "journal_only", str(image)], capture_output=True, check=True
    )
    copy = [need_program("debugfs"), "-R", f"rdump / {folder}", str(image)]
    subprocess.run(copy, capture_output=True, check=True)
    path = folder / outbox
    if not path.exists():
        return Remains(0, [])
    with closing(sqlite3.connect(path)) as database:
        whole = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(EventStore(path)) as store:
        records = [json.loads(event.payload) for event in store.after(0)]
        last = max(store.numbers().values(), default=0)
    return Remains(last, records, whole)
