"""The model file as it lies there; what is in it is looked at by `check`'s own examination."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

from edge.commands.doctor.finding import Finding, failure
from edge.commands.doctor.system.user import as_root, program

PART = "model file"
STORE_LINK = "current"  # of edge.model.store, which can't be imported where numpy is missing


def judge(path: Path) -> Finding:
    """Is it there and readable, and which one is it: its hash is to be compared with the workstation's."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        return failure(PART, f"{path}: {why}", _remedy(path, error), 78)
    return Finding(PART, f"{path}, {size / 1e3:,.0f} kB, sha256 {digest[:16]}…")


def _remedy(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"namei -l {path}  # shows whose permission is missing"
    if path.name == STORE_LINK:
        return as_root(f"{program()} models add model.tflite")
    host = socket.gethostname()
    return f"scp runs/latest/model.tflite {host}:{path}  # on the workstation; or give --model"
