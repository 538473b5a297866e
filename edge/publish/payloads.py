"""A decision as the JSON object that every sink gives away."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from edge.records import Decision

SCHEMA = 1


def decision_record(
    decision: Decision, *, device: str, sequence: int, model: Mapping[str, str]
) -> dict[str, Any]:
    """The JSON object of a decision; `frame` is the camera's frame number, from 0."""
    return {
        "schema": SCHEMA,
        "device": device,
        "camera": decision.camera,
        "label": decision.label,
        "confidence": round(decision.confidence, 4),
        "unknown_reason": decision.unknown_reason,
        "familiarity": None if decision.familiarity is None else round(decision.familiarity, 4),
        "previous": decision.previous,
        "since": rfc3339(decision.since),
        "timestamp": rfc3339(decision.timestamp),
        "sequence": sequence,
        "frame": decision.frame_index,
        "frame_age_ms": round(decision.frame_age_ms, 1),
        "inference_ms": round(decision.inference_ms, 2),
        "top": [{"label": entry.label, "score": round(entry.score, 4)} for entry in decision.top],
        "region": None if decision.region is None else dataclasses.asdict(decision.region),
        "model": dict(model),
    }


def rfc3339(unix_s: float) -> str:
    """UTC seconds as RFC 3339 with milliseconds, like 2026-01-31T12:00:00.000Z."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
