"""The models of a device, in one folder: versions side by side, and `current`, a link to one of them.

A version is `<name>-<version>-<8 hex digits of the file's SHA-256>.tflite`. `history` names those that were
current before, one a line, the last one at the end: an order, as a device without a battery knows no time.
Each change is one rename, and `current` goes last: a power cut leaves the old or the new one, never none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import StorageError
from edge.model.model_file import write_atomically

CURRENT, HISTORY = "current", "history"
KEPT = 3  # versions beside the current one
STORED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*-([0-9a-f]{8})\.tflite")
LEFT_BEHIND = re.compile(rf"({STORED.pattern}|{HISTORY}|\.{CURRENT})\.[0-9]+\.tmp")


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One version in the store, by its file; `digest` is what its name says of its SHA-256."""

    path: Path

    @property
    def digest(self) -> str:
        """The first 8 hex digits of the SHA-256 that the file had when it came."""
        return self.path.stem[-8:]

    @property
    def is_whole(self) -> bool:
        """Whether the file is still what it was; raises OSError."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest().startswith(self.digest)


class ModelStore:
    """Puts versions into the folder and switches between them. Errors of the disk are StorageErrors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.link = folder / CURRENT

    def make(self) -> None:
        """Make the folder, where it is not there yet."""
        with self._disk_errors("store"):
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                self.folder.chmod(0o755)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Alone at work here, with what a crash left behind cleaned up."""
        with self._disk_errors("use"):
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with self._disk_errors("use"):
                self._lock(descriptor)
                for path in self.folder.iterdir():
                    if LEFT_BEHIND.fullmatch(path.name):
                        path.unlink()
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            why, advice = "another edge-agent models is at work there", "wait until it is done"
            raise StorageError(f"can't change the models in {self.folder}", why, advice) from error

    @property
    def current(self) -> StoredModel | None:
        """The version that the link names, None where it names none that is there; raises StorageError."""
        with self._disk_errors("read"):
            name = str(self.link.readlink()) if self.link.is_symlink() else ""
            found = StoredModel(self.folder / name)
            return found if STORED.fullmatch(name) and found.path.is_file() else None

    @property
    def former(self) -> tuple[StoredModel, ...]:
        """Those that were current before, the last one first."""
        current = self.current
        with self._disk_errors("read"):
            lines = self._history().splitlines()
            found = [StoredModel(self.folder / name) for name in reversed(lines) if STORED.fullmatch(name)]
            return tuple(each for each in dict.fromkeys(found) if each != current and each.path.is_file())

    @property
    def models(self) -> tuple[StoredModel, ...]:
        """All versions: the current one, the former ones, then any others, which never were current."""
        current = self.current
        known = [*([current] if current else []), *self.former]
        with self._disk_errors("read"):
            names = sorted(path.name for path in self.folder.glob("*.tflite") if STORED.fullmatch(path.name))
        return tuple(dict.fromkeys([*known, *(StoredModel(self.folder / name) for name in names)]))

    def put(self, data: bytes, name: str, version: str) -> StoredModel:
        """Write a version's file, whole or not at all; one that is there and whole stays as it is."""
        digest = hashlib.sha256(data).hexdigest()[:8]
        stored = StoredModel(self.folder / f"{slug(name, 64)}-{slug(version, 48)}-{digest}.tflite")
        with self._disk_errors("change"):
            if not stored.path.is_file() or not stored.is_whole:
                write_atomically(stored.path, data)
            stored.path.chmod(0o644)
            self._sync()
        return stored

    def switch(self, model: StoredModel, former: Sequence[StoredModel]) -> None:
        """Make a version the current one, in one step; `former`: what `former` is then, last one first."""
        temporary = self.folder / f".{CURRENT}.{os.getpid()}.tmp"
        with self._disk_errors("change"):
            if self.link.exists() and not self.link.is_symlink():
                why, advice = f"{CURRENT} is no link", "move it away"
                raise StorageError(f"can't change the models in {self.folder}", why, advice)
            # The history first: it then names the current one too, which `former` passes over.
            lines = "".join(f"{each.path.name}\n" for each in reversed(former))
            write_atomically(self.folder / HISTORY, lines.encode())
            (self.folder / HISTORY).chmod(0o644)
            self._sync()
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(model.path.name)
            temporary.replace(self.link)
            self._sync()

    def remove(self, model: StoredModel) -> None:
        """Delete a version's file."""
        with self._disk_errors("change"):
            model.path.unlink(missing_ok=True)
            self._sync()

    def prune(self) -> None:
        """Delete all versions but the current one and the last ones before it."""
        current = self.current
        others = [model for model in self.models if model != current]
        for model in others[KEPT:]:
            self.remove(model)

    def _history(self) -> str:
        try:
            return (self.folder / HISTORY).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _sync(self) -> None:
        """What was renamed here survives a power cut from now on."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _disk_errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            advice = "run it as root (sudo)" if isinstance(error, PermissionError) else "look at the disk"
            why = error.strerror or str(error)
            raise StorageError(f"can't {verb} the models in {self.folder}", why, advice) from error


def slug(text: str, most: int) -> str:
    """A part of a file's name made from any text: letters, digits, `.`, `_` and `-`, at most so many."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:most] or "model"
