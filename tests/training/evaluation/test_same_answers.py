"""The same scores get the same answers from the trainer's evaluation, the agent and `edge-agent classify`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.commands.classify.classify_images import make_answer
from edge.decide.decider import Decider, DecisionRules
from edge.records import Frame, Limits, Scores
from training.evaluation.thresholds import Thresholds
from training.evaluation.unknown import PartScores, UnknownRule

LABELS = ("blue", "green", "red")
PIXELS = np.zeros((1, 1, 3), np.uint8)
# Hundredths often lie on a limit, where float32 and float64 differ; 256ths are what int8 networks answer.
GRID = [*(level / 100 for level in range(101)), *(level / 256 for level in range(256))]
levels = st.one_of(st.sampled_from(GRID), st.floats(0, 1, width=32))
rows = st.tuples(*[levels] * len(LABELS), levels)  # the scores, and the familiarity
limits = st.one_of(st.sampled_from(GRID), levels)
thresholds = st.builds(Thresholds, limits, st.dictionaries(st.integers(0, len(LABELS) - 1), limits))


def agents_label(scores: Scores, rules: DecisionRules) -> str | None:
    frame = Frame("belt", 0, PIXELS, time_s=0.0, captured_at=0.0, received_s=0.0)
    return Decider("belt", LABELS, rules).observe(frame, scores).label


def trainers_labels(part: PartScores, rule: UnknownRule) -> list[str | None]:
    best: NDArray[np.int64] = part.scores.argmax(axis=1)
    return [
        LABELS[label] if counts else None for label, counts in zip(best, rule.answered(part), strict=True)
    ]


@settings(deadline=None)
@given(st.lists(rows, min_size=1, max_size=20), thresholds, limits)
def test_trainer_agent_and_classify_give_the_same_answers(
    found: list[tuple[float, ...]], chosen: Thresholds, min_familiarity: float
) -> None:
    values = np.array(found, np.float32)
    part = PartScores(values[:, :-1], values[:, -1])
    same = Limits(chosen.common, chosen.by_label(LABELS), min_familiarity)
    rules = DecisionRules(same, window=1, hysteresis=0.0)
    each = [Scores(row[:-1], 0.0, 0.0, float(row[-1])) for row in values]
    expected = trainers_labels(part, UnknownRule(chosen, min_familiarity))
    assert [agents_label(scores, rules) for scores in each] == expected
    assert [make_answer(Path("x"), scores, LABELS, same).label for scores in each] == expected
