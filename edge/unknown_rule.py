"""The unknown rule: which answers of the model count, and why the others do not.

An answer counts when its picture is familiar enough and its score reaches its label's threshold; familiarity
is judged first. The trainer's evaluation, `edge-agent classify` and the agent's decider all ask here. The
decider's hysteresis is the `slack` by which a limit may be missed.

Familiarity is a cosine out-of-distribution score: how similar the picture's features are to those of the
nearest class of training photographs, −1 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import Limits, Scores, UnknownReason

Values = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the rule says of n pictures: the best label, int64 (n,), and masks of why it does not count."""

    best: NDArray[np.int64]
    unfamiliar: Mask
    low_score: Mask

    @property
    def counted(self) -> Mask:
        """Which pictures get an answer, bool (n,)."""
        return ~(self.unfamiliar | self.low_score)

    def reason(self, index: int) -> UnknownReason | None:
        """Why one picture gets no answer, None where it gets one."""
        if self.unfamiliar[index]:
            return "unfamiliar"
        return "low_score" if self.low_score[index] else None


def judge(scores: Values, familiarity: Values, thresholds: Values, min_familiarity: float | None) -> Answers:
    """Apply the rule to scores (n, labels) and familiarity (n,), NaN where the model can't tell.

    thresholds: float64 (labels,). min_familiarity: None where familiarity does not matter.
    """
    best = scores.argmax(axis=1)
    low = ~reaches(scores, thresholds)[np.arange(len(scores)), best]
    return Answers(best, ~is_familiar(familiarity, min_familiarity), low)


def reaches(scores: Values, thresholds: Values, slack: float = 0.0) -> Mask:
    """Which labels' scores reach their thresholds, bool (n, labels); no label does where all scores are 0."""
    is_something: Mask = scores.max(axis=1, keepdims=True) > 0
    return is_something & (scores >= np.asarray(thresholds, np.float64) - slack)


def is_familiar(familiarity: Values, min_familiarity: float | None, slack: float = 0.0) -> Mask:
    """Which pictures are familiar enough, bool (n,); one whose familiarity is not known (NaN) is."""
    if min_familiarity is None:
        return np.ones(len(familiarity), np.bool_)
    return ~(np.asarray(familiarity, np.float64) < min_familiarity - slack)


def unknown_reason(scores: Scores, labels: tuple[str, ...], limits: Limits) -> UnknownReason | None:
    """Why the model's answer to one picture does not count, None where it does."""
    familiarity = np.array([np.nan if scores.familiarity is None else scores.familiarity])
    thresholds = limits.thresholds_of(labels)
    return judge(scores.values[None], familiarity, thresholds, limits.familiarity).reason(0)
