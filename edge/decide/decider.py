"""STAGE 3: a pure state machine from scores to decisions; no clock, no device, no socket.

Rules, in the order they are tried on scores and familiarity averaged over the window:
1. until the window is full the answer is unknown (`starting`);
2. below the familiarity limit it is unknown (`unfamiliar`); a picture that was familiar stays so until it is
   below the limit by the hysteresis' share of the familiarity scale, so that neither answer flaps;
3. the present label stays while its average is at least its threshold − hysteresis, unless another label
   has reached its own and leads by the hysteresis;
4. else the best label is the answer if its average reaches its threshold;
5. else the answer is unknown (`low_score`).

With votes in place of the mean, 3 to 5 are asked of each frame in the window alone. The label with the most
votes is the answer if it has as many as are needed; the present one may lack the hysteresis' share of the
window, rounded up. Familiarity is averaged all the same.

With a hold, a label must be the answer for so long, on the frames' own time line, before it becomes the
state; until then the state stays what it is. Unknown needs no hold: it claims nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.records import Decision, Frame, LabelScore, Limits, Scores, UnknownReason, ranked
from edge.region import PixelRegion

Smoothing = Literal["mean", "votes"]
ROUNDING_S = 1e-6
OF_FRAMES = ("starting", "low_score", "unfamiliar")  # what frames that were judged can lead to


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """window in frames; hysteresis in score, 0 to 1; votes: frames of the window, None for more than half."""

    limits: Limits
    window: int = 5
    hysteresis: float = 0.1
    hold_s: float = 0.0
    smoothing: Smoothing = "mean"
    votes: int | None = None

    @property
    def needed(self) -> int:
        """How many votes make an answer."""
        return self.window // 2 + 1 if self.votes is None else self.votes


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
        self._candidate: str | None = None
        self._candidate_since_s = 0.0
        self._label: str | None = None
        self._reason: UnknownReason | None = None
        self._previous: str | None = None
        self._since = self._latest = 0.0
        self._frame_index: int | None = None
        self._region: PixelRegion | None = None

    def observe(self, frame: Frame, scores: Scores, age_ms: float = 0.0) -> Decision:
        """Take one classified frame into account; `age_ms` is the frame's age, for the record."""
        self._window.append(scores)
        values = np.array([entry.values for entry in self._window])  # a third of np.stack's time
        average: NDArray[np.float32] = np.add.reduce(values, axis=0) / np.float32(len(values))
        familiarity = self._average_familiarity()
        label, reason = self._held(*self._choose(values, average, familiarity), frame.time_s)
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
        self._familiar, self._candidate = False, None
        self._frame_index = frame.index if frame else None
        self._region = frame.region if frame else self._region
        if frame is None:
            timestamp = max(timestamp, self._latest)  # a recording's time runs ahead of the clock
        self._latest = timestamp
        changed = self._move_to(None, reason, timestamp)
        return self._decision(timestamp, changed, _Seen())

    def set_threshold(self, threshold: float) -> None:
        """From now on every label's score must reach this, 0 to 1."""
        limits = dataclasses.replace(self._rules.limits, threshold=threshold, class_thresholds={})
        self._rules = dataclasses.replace(self._rules, limits=limits)

    def _average_familiarity(self) -> float | None:
        known = [entry.familiarity for entry in self._window if entry.familiarity is not None]
        return sum(known) / len(known) if known else None

    def _held(
        self, label: str | None, reason: UnknownReason | None, time_s: float
    ) -> tuple[str | None, UnknownReason | None]:
        """The answer, or the present state while the answer is a label that is not old enough."""
        if label != self._candidate:
            self._candidate, self._candidate_since_s = label, time_s
        lasted_s = time_s - self._candidate_since_s + ROUNDING_S
        if label in (None, self._label) or lasted_s >= self._rules.hold_s:
            return label, reason
        if self._label is None and self._reason not in OF_FRAMES:
            return None, "starting"
        return self._label, self._reason

    def _choose(
        self, values: NDArray[np.float32], average: NDArray[np.float32], familiarity: float | None
    ) -> tuple[str | None, UnknownReason | None]:
        if len(self._window) < self._rules.window:
            return None, "starting"
        self._familiar = self._is_familiar(familiarity)
        if not self._familiar:
            return None, "unfamiliar"
        label = self._choose_label(average) if self._rules.smoothing == "mean" else self._elect(values)
        return label, None if label is not None else "low_score"

    def _elect(self, values: NDArray[np.float32]) -> str | None:
        """The label with enough votes, one a frame; of several the one with most, then the present one."""
        rules, votes = self._rules, Counter(self._choose_label(frame) for frame in values)
        least = max(1, rules.needed - math.ceil(rules.hysteresis * rules.window))
        needed = {label: least if label == self._label else rules.needed for label in self._labels}
        elected = [label for label in self._labels if votes[label] >= needed[label]]
        return max(elected, key=lambda label: (votes[label], label == self._label), default=None)

    def _is_familiar(self, familiarity: float | None) -> bool:
        limits = self._rules.limits
        if limits.familiarity is None or familiarity is None:
            return True
        slack = self._rules.hysteresis * limits.familiarity_scale if self._familiar else 0.0
        return familiarity >= limits.familiarity - slack

    def _choose_label(self, average: NDArray[np.float32]) -> str | None:
        threshold_of, hysteresis = self._rules.limits.threshold_of, self._rules.hysteresis
        place = int(average.argmax())
        best, highest = self._labels[place], float(average[place])
        if highest <= 0:  # nothing at all is no label, however low its threshold
            return None
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
