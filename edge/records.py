"""The nouns in flight between the stages: Frame, Scores, Decision, Message.

Two clocks are kept apart. `time_s` is the source's own time line (a live camera's monotonic clock, a
recording's position) and is what decisions are made of; `captured_at` is UTC wall time, for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.region import PixelRegion

UnknownReason = Literal[
    "starting",
    "low_score",
    "unfamiliar",
    "no_frames",
    "stale",
    "frozen",
    "dark",
    "bright",
    "covered",
    "disabled",
]


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A picture as a model takes it: uint8 RGB of the model's own input shape, which took `prepare_ms`."""

    pixels: NDArray[np.uint8]
    prepare_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one camera.

    pixels: uint8 BGR of shape (height, width, 3) as captured; `model_input`: the same prepared for the model,
    None where nobody has done that yet. `index` counts the camera's frames from 0, dropped ones
    included; `received_s` is the monotonic clock when the picture arrived, in seconds. `unusable`: why the
    picture shows nothing, None where it shows something. `region`: what of the source's picture it is,
    None for all of it.
    """

    camera: str
    index: int
    pixels: NDArray[np.uint8]
    time_s: float
    captured_at: float
    received_s: float
    model_input: ModelInput | None = None
    unusable: UnknownReason | None = None
    region: PixelRegion | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says of one picture: float32 values of shape (labels,), 0 to 1, in label order.

    familiarity: how like its training photographs the picture is, −1 to 1; None where the model can't tell.
    """

    values: NDArray[np.float32]
    preprocess_ms: float
    inference_ms: float
    familiarity: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer must reach to count (see `edge.unknown_rule`).

    threshold: the least score, 0 to 1; class_thresholds: by label, where a label has its own. familiarity:
    the least familiarity, −1 to 1, None for no such limit; familiarity_scale: how far above it is typical.
    """

    threshold: float
    class_thresholds: Mapping[str, float] = field(default_factory=dict)
    familiarity: float | None = None
    familiarity_scale: float = 0.0

    def thresholds_of(self, labels: tuple[str, ...]) -> NDArray[np.float64]:
        """The score that each label must reach, float64 (labels,)."""
        return np.array([self.class_thresholds.get(label, self.threshold) for label in labels], np.float64)


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label with its score, 0 to 1."""

    label: str
    score: float


def ranked(labels: tuple[str, ...], values: NDArray[np.float32], count: int = 3) -> tuple[LabelScore, ...]:
    """The `count` best labels, best first; equal scores keep label order."""
    order = np.argsort(-values, kind="stable")[:count]
    return tuple(LabelScore(labels[i], float(values[i])) for i in order)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a camera sees after smoothing; `label` is None exactly when `unknown_reason` is set.

    `previous` is the label before this one, `since` and `timestamp` are UTC seconds, `frame_index` is the
    frame that led to it (None where none did). `changed` marks a change of label or of reason: an event.
    `familiarity` is averaged like the scores; None where no frame was judged or the model can't tell.
    `region`: what the camera shows of its source's picture; None for all of it, or before the first frame.
    """

    camera: str
    label: str | None
    confidence: float
    unknown_reason: UnknownReason | None
    previous: str | None
    since: float
    timestamp: float
    changed: bool
    frame_index: int | None
    frame_age_ms: float
    inference_ms: float
    top: tuple[LabelScore, ...]
    familiarity: float | None = None
    region: PixelRegion | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model decided: name, version, and the hash of its content."""

    name: str
    version: str
    sha256: str
