"""The verdict: good enough or not, better than before or not, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.record import PartResult, judge
from training.evaluation.thresholds import Thresholds
from training.evaluation.unknown import PartScores, UnknownRule
from training.features.familiarity import NO_LIMIT
from training.report.confusion import confused_pairs, table_rows
from training.report.paired import Paired, RunAnswers, compare_runs, mcnemar
from training.report.quality import (
    Evidence,
    describe_weak_classes,
    is_surely_better,
    judge_quality,
    next_steps,
    photographs_needed,
)

RULE = UnknownRule(Thresholds(0.5, {}), NO_LIMIT)


def _part(confusion: Sequence[Sequence[int]], labels: tuple[str, ...] = ("mug", "plate")) -> PartResult:
    """A part that comes out with these counts."""
    cells = [(i, j) for i, row in enumerate(confusion) for j, count in enumerate(row) for _ in range(count)]
    scores = np.full((len(cells), len(labels)), 0.1 / (len(labels) - 1), np.float32)
    scores[np.arange(len(cells)), [j for _, j in cells]] = 0.9
    targets = np.array([i for i, _ in cells])
    familiar = np.ones(len(cells), np.float32)
    return judge(PartScores(scores, familiar), targets, RULE, scores, labels)


@pytest.mark.parametrize(
    ("confusion", "level", "words"),
    [
        ([[490, 10], [10, 490]], "good", "Good enough: 98.0 % of 1000 test photographs are right"),
        ([[350, 150], [150, 350]], "bad", "Not good enough: 70.0 %"),
        ([[52, 48], [48, 52]], "bad", "no sure gain over guessing"),
        ([[95, 0], [5, 0]], "bad", "always saying “mug” would get 95.0 %"),
        ([[455, 45], [45, 455]], "open", "Perhaps good enough: 91.0 %"),
        ([[440, 60], [50, 450]], "open", "Perhaps not good enough: 89.0 %"),
        ([[18, 2], [2, 18]], "open", "40 test photographs are too few to tell: the interval is 19 % wide"),
    ],
)
def test_good_enough_is_judged_by_the_interval(
    confusion: Sequence[Sequence[int]], level: str, words: str
) -> None:
    quality = judge_quality(_part(confusion), wanted=0.9)
    assert quality.level == level
    assert words in quality.text.replace("\N{NO-BREAK SPACE}", " ")
    assert quality.too_small == ("too few" in quality.text)


def test_a_weak_class_is_named_only_where_that_is_sure() -> None:
    part = _part([[100, 0, 0], [0, 100, 0], [40, 0, 60]], ("mug", "plate", "bowl"))
    assert (
        describe_weak_classes(part, 0.9).replace("\N{NO-BREAK SPACE}", " ")
        == "Surely below 90 %: bowl (60 % found)."
    )
    assert describe_weak_classes(_part([[9, 1], [2, 8]]), 0.9) == ""


def test_better_on_another_part_is_said_only_where_that_is_sure() -> None:
    assert is_surely_better(_part([[99, 1], [1, 99]]), _part([[90, 10], [10, 90]]))
    assert not is_surely_better(_part([[10, 0], [0, 10]]), _part([[9, 1], [1, 9]]))


def _evidence(test: PartResult) -> Evidence:
    return Evidence(
        quality=judge_quality(test, 0.9),
        val=test,
        test=test,
        train_counts={"mug": 200, "plate": 30},
        wanted=0.9,
        confused=confused_pairs(("mug", "plate"), test.confusion),
        data_advice=[],
        occlusion_advice=[],
        curve_advice=[],
        minor_advice=[],
        quantized=True,
    )


def test_the_next_steps_follow_from_what_was_found() -> None:
    evidence = _evidence(_part([[95, 5], [40, 60]]))
    assert next_steps(evidence)[0] == "add photographs that tell “plate” from “mug”"
    found = replace(evidence, data_advice=["mend the data"], occlusion_advice=["other backgrounds"])
    assert next_steps(found) == ("mend the data", "other backgrounds")
    fine = _evidence(_part([[500, 0], [1, 499]]))
    assert "model.tflite" in next_steps(fine)[0]
    assert any("edge-train quantize" in step for step in next_steps(replace(fine, quantized=False)))


def test_too_few_test_photographs_get_a_number() -> None:
    steps = next_steps(_evidence(_part([[9, 1], [1, 9]])))
    assert any(f"about {photographs_needed(0.9)}" in step for step in steps)
    assert photographs_needed(0.9) == 138


def test_mcnemars_exact_test() -> None:
    """Agresti, Categorical Data Analysis: the binomial tail doubled."""
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(10, 1) == pytest.approx(2 * (1 + 11) / 2**11)
    assert mcnemar(1, 10) == mcnemar(10, 1)


def _answers(
    name: str, right: Sequence[bool], labels: tuple[str, ...] = ("a", "b"), start: int = 0
) -> RunAnswers:
    items = {str(start + number): (labels[number % 2], hit) for number, hit in enumerate(right)}
    return RunAnswers(name, labels, items)


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (
            [True] * 90 + [False] * 10,
            [True] * 70 + [False] * 30,
            "Better than old: the float network gets 90.0 % against 70.0 %",
        ),
        ([True] * 70 + [False] * 30, [True] * 90 + [False] * 10, "Worse than old"),
        ([True] * 90 + [False] * 10, [True] * 88 + [False] * 12, "the difference may be chance"),
        ([True] * 90 + [False] * 10, [True] * 90 + [False] * 10, "As good as old"),
    ],
)
def test_a_difference_counts_only_beyond_noise(now: list[bool], before: list[bool], words: str) -> None:
    result = compare_runs(_answers("new", now), _answers("old", before))
    assert isinstance(result, Paired)
    assert words in result.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "of the 100 test photographs that both have" in result.text


def test_only_common_photographs_with_the_same_label_are_compared() -> None:
    now, before = _answers("new", [True] * 10), _answers("old", [False] * 10, start=4)
    result = compare_runs(now, before)
    assert isinstance(result, Paired)
    assert result.shared == 6
    relabelled = RunAnswers("old", ("a", "b"), {key: ("a", hit) for key, (_, hit) in now.right.items()})
    found = compare_runs(now, relabelled)
    assert isinstance(found, Paired)
    assert found.shared == 5


def test_what_cant_be_compared_says_why() -> None:
    now = _answers("new", [True] * 4)
    assert "other classes" in str(compare_runs(now, _answers("old", [True] * 4, ("a", "c"))))
    assert "no test photograph in common" in str(compare_runs(now, _answers("old", [True] * 4, start=99)))


def test_confusions_come_most_frequent_first() -> None:
    pairs = confused_pairs(("a", "b", "c"), ((8, 2, 0), (0, 10, 0), (5, 0, 5)))
    assert [(p.label, p.called, p.count, p.own) for p in pairs] == [("c", "a", 5, 10), ("a", "b", 2, 10)]
    rows = table_rows(("a", "b"), ((3, 1), (0, 0)))
    assert rows[0][1][1].share == 0.25
    assert rows[1][1][1].share == 0.0
    assert table_rows([str(n) for n in range(100)], [[0] * 100] * 100) == ()
