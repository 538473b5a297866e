"""The base of what a user can set."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
