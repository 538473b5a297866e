"""The disk: room for what waits and for the journal, and the right to write there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.system.user import as_root, user_name

JOURNALS = (Path("/var/log/journal"), Path("/run/log/journal"))
# With 20 MB the outbox and the journal soon can't grow; 200 MB or 5 % leave time to make room.
FULL_BYTES, LOW_BYTES, LOW_SHARE = 20_000_000, 200_000_000, 0.05
MAKE_ROOM = "journalctl --vacuum-size=50M"


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that a folder is on: room in bytes, for everybody but root."""

    folder: Path
    total: int
    free: int
    files_left: bool = True
    read_only: bool = False


def look(folder: Path) -> Disk:
    """Where the folder is not there yet, its nearest parent is looked at."""
    there = nearest(folder)
    status = os.statvfs(there)
    return Disk(
        there,
        status.f_blocks * status.f_frsize,
        status.f_bavail * status.f_frsize,
        files_left=status.f_files == 0 or status.f_favail > 0,
        read_only=bool(status.f_flag & os.ST_RDONLY),
    )


def judge(part: str, disk: Disk) -> Finding:
    """Read-only, full, nearly full or good."""
    share = disk.free / disk.total if disk.total else 0.0
    room = f"{disk.free / 1e6:,.0f} MB free ({share:.0%}) in {disk.folder}"
    if disk.read_only:
        remount = as_root(f"mount -o remount,rw {_mount_of(disk.folder)}")
        detail = f"{disk.folder} is on a read-only file system"
        return failure(part, detail, f"{remount}  # is the card failing? dmesg | tail")
    if not disk.files_left:
        return failure(part, f"no more files can be made in {disk.folder}", f"df -i {disk.folder}")
    if disk.free < FULL_BYTES:
        return failure(part, f"full: {room}", as_root(MAKE_ROOM))
    if disk.free < LOW_BYTES or share < LOW_SHARE:
        return warning(part, f"nearly full: {room}", as_root(MAKE_ROOM))
    return Finding(part, room)


def examine(state: Path, *, ours: bool, journals: Sequence[Path] = JOURNALS) -> list[Finding]:
    """The state folder's, and the journal's where it is on another file system; ours: we write there."""
    disk = judge("disk", look(state))
    if not disk.exit_code and ours and not os.access(nearest(state), os.W_OK | os.X_OK):
        user = user_name()
        give = f"chown -R {user} {state}" if state.exists() else f"install -d -o {user} {state}"
        disk = failure("disk", f"{user} may not write into {nearest(state)}", as_root(give))
    journal = next((folder for folder in journals if folder.is_dir()), None)
    if journal is None or journal.stat().st_dev == nearest(state).stat().st_dev:
        return [disk]
    return [disk, judge("journal", look(journal))]


def nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists and may be seen."""
    for path in (folder, *folder.resolve().parents):
        try:
            if path.is_dir():
                return path
        except OSError:
            continue
    return Path("/")


def _mount_of(folder: Path) -> Path:
    return next((path for path in (folder, *folder.resolve().parents) if path.is_mount()), Path("/"))
