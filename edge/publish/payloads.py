"""What the agent says of decisions, scores and its own state, as JSON objects for every sink. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import Decision, Frame, ModelIdentity

SCHEMA = 1  # of all payloads; it rises when a subscriber would have to be changed
UNKNOWN = "unknown"  # an empty payload would delete the retained label
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # json.dumps would make one each time


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


def scores_record(
    frame: Frame, age_ms: float, labels: tuple[str, ...], values: NDArray[np.float32]
) -> dict[str, Any]:
    """The JSON object of one frame's scores, of shape (labels,); age_ms: from capture to scores."""
    return {
        "schema": SCHEMA,
        "camera": frame.camera,
        "frame": frame.index,
        "timestamp": rfc3339(frame.captured_at),
        "frame_age_ms": round(age_ms, 1),
        "scores": {label: round(value, 4) for label, value in zip(labels, values.tolist(), strict=True)},
    }


def model_record(model: ModelIdentity) -> dict[str, str]:
    """The JSON object that names a model."""
    return {"name": model.name, "version": model.version, "hash": model.sha256}


def rfc3339(unix_s: float) -> str:
    """UTC seconds as RFC 3339 with milliseconds, like 2026-01-31T12:00:00.000Z."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode_json(body: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8."""
    return _JSON.encode(body).encode()
