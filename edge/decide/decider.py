"""STAGE 3: a pure state machine from scores to decisions; no clock, no device, no socket.

These rules are tried in order on scores and familiarity averaged over the window:
1. Until the window is full the answer is unknown (`starting`).
2. Below the familiarity limit it is unknown (`unfamiliar`). A picture that was familiar stays so until it is
   below the limit by the hysteresis' share of the familiarity scale, so that neither answer flaps.
3. The present label stays while its average is at least its threshold − hysteresis, unless another label
   has reached its own threshold and leads by the hysteresis.
4. Else the best label is the answer if its average reaches its threshold.
5. Else the answer is unknown (`low_score`).

`edge.unknown_rule` says when an answer counts; the window, the hysteresis and the hold are added here.

With votes in place of the mean, rules 3 to 5 are applied to each frame in the window alone. The label with
the most votes is the answer if it has as many as are needed; the present one may lack the hysteresis' share
of the window, rounded up. Familiarity is averaged all the same.

With a hold, a label must be the answer for so long, on the frames' own time line, before it becomes the
state; until then the state stays what it is. Unknown needs no hold, because it claims nothing.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.decide.choice import NONE, choose_labels, elect_label
from edge.decide.hold import Hold
from edge.decide.window import ScoreWindow
from edge.records import Decision, Frame, LabelScore, Limits, Scores, UnknownReason, ranked
from edge.region import PixelRegion
from edge.unknown_rule import is_familiar

Float = NDArray[np.float32]
Smoothing = Literal["mean", "votes"]
FRAME_REASONS = ("starting", "low_score", "unfamiliar")  # what judged frames can lead to


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

    @property
    def needed_to_stay(self) -> int:
        """How many votes keep the present label."""
        return max(1, self.needed - math.ceil(self.hysteresis * self.window))


@dataclass(frozen=True, slots=True)
class _State:
    """The label or the reason, the label before, and since when, in UTC seconds."""

    label: str | None = None
    reason: UnknownReason | None = None
    previous: str | None = None
    since: float = 0.0

    def moved(self, label: str | None, reason: UnknownReason | None, timestamp: float) -> _State:
        """This very state where nothing changes, else the next one."""
        if (label, reason) == (self.label, self.reason):
            return self
        return _State(label, reason, self.label, timestamp)


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
        self._thresholds = rules.limits.thresholds_of(labels)
        self._window, self._hold = ScoreWindow(rules.window), Hold(rules.hold_s)
        self._was_familiar = False
        self._state = _State()
        self._latest = 0.0
        self._frame_index: int | None = None
        self._region: PixelRegion | None = None

    def observe(self, frame: Frame, scores: Scores, age_ms: float = 0.0) -> Decision:
        """Take one classified frame into account; `age_ms` is the frame's age, for the record."""
        self._window.add(scores)
        values, familiarity = self._window.values(), self._window.mean_familiarity()
        average: Float = np.add.reduce(values, axis=0) / np.float32(len(values))
        label, reason = self._apply_hold(*self._answer(values, average, familiarity), frame.time_s)
        self._frame_index, self._latest, self._region = frame.index, frame.captured_at, frame.region
        top = ranked(self._labels, average)
        confidence = float(average[self._labels.index(label)]) if label is not None else top[0].score
        seen = _Seen(confidence, top, familiarity, age_ms, scores.inference_ms)
        return self._decide(label, reason, frame.captured_at, seen)

    def missing(self, reason: UnknownReason, timestamp: float, frame: Frame | None = None) -> Decision:
        """No picture to judge: unknown for that reason, and what was seen before no longer counts.

        frame: the one whose picture shows nothing, None where no frame came.
        """
        self._window.clear()
        self._hold.clear()
        self._was_familiar = False
        self._frame_index = frame.index if frame else None
        self._region = frame.region if frame else self._region
        if frame is None:
            timestamp = max(timestamp, self._latest)  # a recording's time runs ahead of the clock
        self._latest = timestamp
        return self._decide(None, reason, timestamp, _Seen())

    def set_threshold(self, threshold: float) -> None:
        """From now on every label's score must reach this, 0 to 1."""
        limits = dataclasses.replace(self._rules.limits, threshold=threshold, class_thresholds={})
        self._rules = dataclasses.replace(self._rules, limits=limits)
        self._thresholds = limits.thresholds_of(self._labels)

    def _answer(
        self, values: Float, average: Float, familiarity: float | None
    ) -> tuple[str | None, UnknownReason | None]:
        """What the window says, before the hold."""
        if not self._window.is_full:
            return None, "starting"
        self._was_familiar = self._is_familiar(familiarity)
        if not self._was_familiar:
            return None, "unfamiliar"
        chosen = self._choose(values, average)
        return (None, "low_score") if chosen == NONE else (self._labels[chosen], None)

    def _is_familiar(self, familiarity: float | None) -> bool:
        limits = self._rules.limits
        slack = self._rules.hysteresis * limits.familiarity_scale if self._was_familiar else 0.0
        value = np.array([np.nan if familiarity is None else familiarity])
        return bool(is_familiar(value, limits.familiarity, slack)[0])

    def _choose(self, values: Float, average: Float) -> int:
        rules, label = self._rules, self._state.label
        present = NONE if label is None else self._labels.index(label)
        if rules.smoothing == "mean":
            return int(choose_labels(average[None], present, self._thresholds, rules.hysteresis)[0])
        votes = choose_labels(values, present, self._thresholds, rules.hysteresis)
        return elect_label(votes, present, len(self._labels), rules.needed, rules.needed_to_stay)

    def _apply_hold(
        self, label: str | None, reason: UnknownReason | None, time_s: float
    ) -> tuple[str | None, UnknownReason | None]:
        """The answer, or the present state while the answer is a label that is not old enough."""
        state, is_over = self._state, self._hold.is_over(label, time_s)
        if is_over or label in (None, state.label):
            return label, reason
        if state.label is None and state.reason not in FRAME_REASONS:
            return None, "starting"
        return state.label, state.reason

    def _decide(
        self, label: str | None, reason: UnknownReason | None, timestamp: float, seen: _Seen
    ) -> Decision:
        """Move to the new state, and say what it is."""
        before, self._state = self._state, self._state.moved(label, reason, timestamp)
        return Decision(
            camera=self._camera,
            label=label,
            confidence=seen.confidence,
            unknown_reason=reason,
            previous=self._state.previous,
            since=self._state.since,
            timestamp=timestamp,
            changed=self._state is not before,
            frame_index=self._frame_index,
            frame_age_ms=seen.age_ms,
            inference_ms=seen.inference_ms,
            top=seen.top,
            familiarity=seen.familiarity,
            region=self._region,
        )
