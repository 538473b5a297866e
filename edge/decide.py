"""STAGE 3: a pure state machine from scores to decisions; no clock, no device, no socket.

Rules, in the order they are tried on scores and familiarity averaged over the window:
1. until the window is full the answer is unknown (`starting`);
2. below the familiarity limit it is unknown (`unfamiliar`); a picture that was familiar stays so until it is
   below the limit by the hysteresis' share of the familiarity scale, so that neither answer flaps;
3. the present label stays while its average is at least its threshold − hysteresis, unless another label
   has reached its own and leads by the hysteresis;
4. else the best label is the answer if its average reaches its threshold;
5. else the answer is unknown (`low_score`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.records import Decision, Frame, LabelScore, Limits, Scores, UnknownReason, ranked
from edge.region import PixelRegion


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """window in frames; hysteresis in score, 0 to 1."""

    limits: Limits
    window: int = 5
    hysteresis: float = 0.1


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a decision records of the frames that led to it; as it stands, of no frame."""

    confidence: float = 0.0
    top: tuple[LabelScore, ...] = ()
    familiarity: float | None = None
    age_ms: float = 0.0
    inference_ms: float = 0.0


class Decider:
    """The decisions of one camera. The same frames always give the same decisions."""

    def __init__(self, camera: str, labels: tuple[str, ...], rules: DecisionRules) -> None:
        self._camera, self._labels, self._rules = camera, labels, rules
        self._window: deque[Scores] = deque(maxlen=rules.window)
        self._familiar = False
        self._label: str | None = None
        self._reason: UnknownReason | None = None
        self._previous: str | None = None
        self._since = self._latest = 0.0
        self._frame_index: int | None = None
        self._region: PixelRegion | None = None

    def observe(self, frame: Frame, scores: Scores, age_ms: float = 0.0) -> Decision:
        """Take one classified frame into account; `age_ms` is the frame's age, for the record."""
        self._window.append(scores)
        values = np.stack([entry.values for entry in self._window])
        average: NDArray[np.float32] = values.mean(axis=0, dtype=np.float32)
        familiarity = self._average_familiarity()
        label, reason = self._choose(average, familiarity)
        self._frame_index, self._latest, self._region = frame.index, frame.captured_at, frame.region
        changed = self._move_to(label, reason, frame.captured_at)
        top = ranked(self._labels, average)
        confidence = float(average[self._labels.index(label)]) if label is not None else top[0].score
        seen = _Seen(confidence, top, familiarity, age_ms, scores.inference_ms)
        return self._decision(frame.captured_at, changed, seen)

    def missing(self, reason: UnknownReason, timestamp: float, frame: Frame | None = None) -> Decision:
        """No picture to judge: unknown for that reason, and what was seen before counts no more.

        frame: the one whose picture shows nothing, None where no frame came.
        """
        self._window.clear()
        self._familiar = False
        self._frame_index = frame.index if frame else None
        self._region = frame.region if frame else self._region
        if frame is None:
            timestamp = max(timestamp, self._latest)  # a recording's time runs ahead of the clock
        self._latest = timestamp
        changed = self._move_to(None, reason, timestamp)
        return self._decision(timestamp, changed, _Seen())

    def _average_familiarity(self) -> float | None:
        known = [entry.familiarity for entry in self._window if entry.familiarity is not None]
        return float(np.mean(known)) if known else None

    def _choose(
        self, average: NDArray[np.float32], familiarity: float | None
    ) -> tuple[str | None, UnknownReason | None]:
        if len(self._window) < self._rules.window:
            return None, "starting"
        self._familiar = self._is_familiar(familiarity)
        if not self._familiar:
            return None, "unfamiliar"
        label = self._choose_label(average)
        return label, None if label is not None else "low_score"

    def _is_familiar(self, familiarity: float | None) -> bool:
        limits = self._rules.limits
        if limits.familiarity is None or familiarity is None:
            return True
        slack = self._rules.hysteresis * limits.familiarity_scale if self._familiar else 0.0
        return familiarity >= limits.familiarity - slack

    def _choose_label(self, average: NDArray[np.float32]) -> str | None:
        threshold_of, hysteresis = self._rules.limits.threshold_of, self._rules.hysteresis
        best = self._labels[int(average.argmax())]
        highest = float(average.max())
        if self._label is not None:
            present = float(average[self._labels.index(self._label)])
            overtaken = highest >= max(threshold_of(best), present + hysteresis)
            if present >= threshold_of(self._label) - hysteresis and not overtaken:
                return self._label
        return best if highest >= threshold_of(best) else None

    def _move_to(self, label: str | None, reason: UnknownReason | None, timestamp: float) -> bool:
        if (label, reason) == (self._label, self._reason):
            return False
        self._previous, self._label, self._reason = self._label, label, reason
        self._since = timestamp
        return True

    def _decision(self, timestamp: float, changed: bool, seen: _Seen) -> Decision:
        return Decision(
            camera=self._camera,
            label=self._label,
            confidence=seen.confidence,
            unknown_reason=self._reason,
            previous=self._previous,
            since=self._since,
            timestamp=timestamp,
            changed=changed,
            frame_index=self._frame_index,
            frame_age_ms=seen.age_ms,
            inference_ms=seen.inference_ms,
            top=seen.top,
            familiarity=seen.familiarity,
            region=self._region,
        )
