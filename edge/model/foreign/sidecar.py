"""A side-car, `model.toml`: what somebody has written down of the foreign model beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from edge.errors import ModelError
from edge.input_settings import InputSettings

SIDECAR = "model.toml"
MAX_SIDECAR_BYTES = 64 * 1024


class Sidecar(InputSettings):
    """model.toml: what the model beside it does not say itself. labels: a path from the file's own folder."""

    labels: Path | None = None


def read_sidecar(model: Path) -> Sidecar:
    """The side-car of a model, `<its name>.toml` or `model.toml` in its folder; raises ModelError."""
    path = next((p for p in (model.with_suffix(".toml"), model.parent / SIDECAR) if p.is_file()), None)
    if path is None:
        return Sidecar()
    what = f"can't use {path}, which describes the model {model.name}"
    try:
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            raise ModelError(what, "it is too large", "it holds a few lines only")
        return Sidecar.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        finding = error.errors()[0]
        key = ".".join(map(str, finding["loc"][:1]))
        reason = "unknown key" if finding["type"] == "extra_forbidden" else finding["msg"]
        advice = f"it may hold {', '.join(Sidecar.model_fields)}"
        raise ModelError(what, f"{key}: {reason}" if key else reason, advice) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(what, str(error), "mend or remove it") from error
