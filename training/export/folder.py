"""The folder that exports go to: nobody else's files are touched, and each file in it appears whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from edge.model.model_file import LABELS, describe_first_error
from training.errors import ExportError
from training.export.record import ExportedFile, ExportRecord

RECORD = "export.json"
ADVICE = "give another --out"


def earlier_files(folder: Path, run: str, ours: Iterable[str]) -> tuple[ExportedFile, ...]:
    """What the folder, if it is there, holds of the same run.

    Raises ExportError where it is another run's, or holds a file named as one of `ours` that no export wrote.
    """
    try:
        found = {path.name for path in folder.iterdir()} if folder.exists() else set()
        text = (folder / RECORD).read_bytes() if RECORD in found else None
    except OSError as error:
        raise ExportError(f"can't export to {folder}", error.strerror or str(error), ADVICE) from error
    if text is None:
        foreign = sorted(found & {LABELS, *ours})
        if foreign:
            why = f"{foreign[0]} is there, and no export wrote it"
            raise ExportError(f"can't export to {folder}", why, ADVICE)
        return ()
    record = _parsed(folder, text)
    if record.run != run:
        why = f"it holds the exports of the run {record.run}"
        raise ExportError(f"can't export the run {run} to {folder}", why, ADVICE)
    return tuple(file for file in record.files if file.file in found)


def make_folder(folder: Path) -> None:
    """Make the folder if it is not there; raises ExportError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"can't export to {folder}", error.strerror or str(error), ADVICE) from error


def _parsed(folder: Path, text: bytes) -> ExportRecord:
    try:
        return ExportRecord.model_validate_json(text)
    except ValidationError as error:
        why = f"{RECORD}: {describe_first_error(error)}"
        raise ExportError(f"can't export to {folder}", why, f"remove that file, or {ADVICE}") from error


def place(new: Path, final: Path) -> None:
    """Put a finished file or folder where it belongs, in place of an earlier one; raises OSError."""
    for file in _files(new):
        _sync(file)
    if not (new.is_dir() or final.is_dir()):
        new.replace(final)
        return
    earlier = new.with_name(f"{new.name}.earlier")
    if final.exists():
        final.rename(earlier)
    try:
        new.rename(final)
    except OSError:
        if earlier.exists():
            earlier.rename(final)
        raise


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in _files(path))


def hash_of(path: Path) -> str:
    """The sha256 of a file, or of a folder's `sha256  name` lines in the names' order."""
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [f"{hash_of(file)}  {file.relative_to(path).as_posix()}\n" for file in _files(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(path: Path) -> Sequence[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
