"""STAGE 3: a pure state machine from scores to decisions; no clock, no device, no socket.

Rules, in the order they are tried on the scores averaged over the window:
1. until the window is full the answer is unknown (`starting`);
2. the present label stays while its average is at least threshold − hysteresis, unless another label has
   reached the threshold and leads it by the hysteresis;
3. else the best label is the answer if its average reaches the threshold;
4. else the answer is unknown (`low_score`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.records import Decision, Frame, LabelScore, Scores, UnknownReason, ranked


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """window in frames; threshold and hysteresis in score, 0 to 1."""

    threshold: float
    window: int = 5
    hysteresis: float = 0.1


class Decider:
    """The decisions of one camera. The same frames always give the same decisions."""

    def __init__(self, camera: str, labels: tuple[str, ...], rules: DecisionRules) -> None:
        self._camera, self._labels, self._rules = camera, labels, rules
        self._window: deque[NDArray[np.float32]] = deque(maxlen=rules.window)
        self._label: str | None = None
        self._reason: UnknownReason | None = None
        self._previous: str | None = None
        self._since = self._latest = 0.0
        self._frame_index: int | None = None

    def observe(self, frame: Frame, scores: Scores, age_ms: float = 0.0) -> Decision:
        """Take one classified frame into account; `age_ms` is the frame's age, for the record."""
        self._window.append(scores.values)
        average: NDArray[np.float32] = np.stack(self._window).mean(axis=0, dtype=np.float32)
        label = self._choose(average)
        reason = None if label is not None else self._why_unknown()
        self._frame_index, self._latest = frame.index, frame.captured_at
        changed = self._move_to(label, reason, frame.captured_at)
        top = ranked(self._labels, average)
        confidence = float(average[self._labels.index(label)]) if label is not None else top[0].score
        return self._decision(
            timestamp=frame.captured_at,
            changed=changed,
            confidence=confidence,
            top=top,
            age_ms=age_ms,
            inference_ms=scores.inference_ms,
        )

    def missing(self, reason: UnknownReason, timestamp: float) -> Decision:
        """No frame to judge: unknown for that reason, and what was seen before counts no more."""
        self._window.clear()
        self._frame_index = None
        timestamp = max(timestamp, self._latest)  # a recording's time runs ahead of the clock
        changed = self._move_to(None, reason, timestamp)
        return self._decision(timestamp=timestamp, changed=changed)

    def _choose(self, average: NDArray[np.float32]) -> str | None:
        if len(self._window) < self._rules.window:
            return None
        threshold, hysteresis = self._rules.threshold, self._rules.hysteresis
        best = int(average.argmax())
        if self._label is not None:
            present = float(average[self._labels.index(self._label)])
            overtaken = average[best] >= max(threshold, present + hysteresis)
            if present >= threshold - hysteresis and not overtaken:
                return self._label
        return self._labels[best] if average[best] >= threshold else None

    def _why_unknown(self) -> UnknownReason:
        return "starting" if len(self._window) < self._rules.window else "low_score"

    def _move_to(self, label: str | None, reason: UnknownReason | None, timestamp: float) -> bool:
        if (label, reason) == (self._label, self._reason):
            return False
        self._previous, self._label, self._reason = self._label, label, reason
        self._since = timestamp
        return True

    def _decision(
        self,
        *,
        timestamp: float,
        changed: bool,
        confidence: float = 0.0,
        top: tuple[LabelScore, ...] = (),
        age_ms: float = 0.0,
        inference_ms: float = 0.0,
    ) -> Decision:
        return Decision(
            camera=self._camera,
            label=self._label,
            confidence=confidence,
            unknown_reason=self._reason,
            previous=self._previous,
            since=self._since,
            timestamp=timestamp,
            changed=changed,
            frame_index=self._frame_index,
            frame_age_ms=age_ms,
            inference_ms=inference_ms,
            top=top,
        )
