"""An audit on disk: audit.json for programs, audit.html for people."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edge.model.model_file import describe_first_error, write_atomically
from training.audit.page import audit_page
from training.audit.record import Audit
from training.errors import RunError

AUDIT, PAGE = "audit.json", "audit.html"


def write_audit(audit: Audit, folder: Path) -> Path:
    """Write both files into a folder, making it; returns the page. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    body = audit.model_dump_json(indent=1, by_alias=True).encode() + b"\n"
    write_atomically(folder / AUDIT, body)
    write_atomically(folder / PAGE, audit_page(audit).encode())
    return folder / PAGE


def read_audit(folder: Path) -> Audit:
    """The audit that was written there; raises RunError."""
    advice = "make it with `edge-train audit`"
    try:
        return Audit.model_validate_json((folder / AUDIT).read_bytes())
    except OSError as error:
        raise RunError(f"can't read {folder / AUDIT}", error.strerror or str(error), advice) from error
    except ValidationError as error:
        raise RunError(f"can't read {folder / AUDIT}", describe_first_error(error), advice) from error
