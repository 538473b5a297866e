"""The state machine: scores in, decisions out, and never a flicker."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from edge.decide.decider import Decider, DecisionRules
from edge.records import Decision, Frame, Limits, Scores

LABELS = ("blue", "green", "red")
PIXELS = np.zeros((1, 1, 3), np.uint8)
RED, GREEN, NEITHER = (0.0, 0.1, 0.9), (0.0, 0.9, 0.1), (0.34, 0.33, 0.33)


def frame(index: int) -> Frame:
    return Frame("belt", index, PIXELS, time_s=index / 10, captured_at=1000 + index / 10, received_s=0)


def scores(values: Sequence[float], familiarity: float | None = None) -> Scores:
    return Scores(np.asarray(values, np.float32), 0.5, 1.5, familiarity)


def decider(
    window: int = 3,
    threshold: float = 0.5,
    hysteresis: float = 0.1,
    class_thresholds: Mapping[str, float] | None = None,
    familiarity: float | None = None,
) -> Decider:
    limits = Limits(threshold, class_thresholds or {}, familiarity, familiarity_scale=0.2)
    return Decider("belt", LABELS, DecisionRules(limits, window, hysteresis))


def run(machine: Decider, sequence: Sequence[Sequence[float]], start: int = 0) -> list[Decision]:
    return [machine.observe(frame(start + i), scores(values)) for i, values in enumerate(sequence)]


def said(decisions: Sequence[Decision]) -> list[str | None]:
    return [decision.label or decision.unknown_reason for decision in decisions]


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ([RED] * 4, ["starting", "starting", "red", "red"]),
        ([RED, RED, RED, GREEN, RED], ["starting", "starting", "red", "red", "red"]),
        ([RED, RED, RED, NEITHER, RED], ["starting", "starting", "red", "red", "red"]),
        ([RED, RED, RED, GREEN, GREEN, GREEN], ["starting", "starting", "red", "red", "green", "green"]),
        ([NEITHER] * 3, ["starting", "starting", "low_score"]),
        ([RED] * 3 + [NEITHER] * 3, ["starting", "starting", "red", "red", "red", "low_score"]),
        ([NEITHER] * 3 + [RED] * 2, ["starting", "starting", "low_score", "red", "red"]),
    ],
)
def test_what_a_sequence_of_frames_means(
    sequence: Sequence[Sequence[float]], expected: list[str | None]
) -> None:
    assert said(run(decider(), sequence)) == expected


@pytest.mark.parametrize(
    ("present", "other", "expected"),
    [
        (0.41, 0.30, "red"),  # in the band below the threshold
        (0.39, 0.30, "low_score"),  # below the band
        (0.45, 0.50, "red"),  # another is better, but not by the hysteresis
        (0.40, 0.55, "green"),  # another is better by more than that
        (0.30, 0.45, "low_score"),  # neither reaches the threshold
        (0.38, 0.50, "green"),  # the present one is below the band, the other at the threshold
    ],
)
def test_when_the_present_label_stays(present: float, other: float, expected: str) -> None:
    machine = decider(window=1)
    run(machine, [RED])
    assert said(run(machine, [(0.0, other, present)])) == [expected]


def test_inside_the_band_a_label_never_flaps() -> None:
    random = np.random.default_rng(7)
    for _ in range(50):
        machine = decider(window=1, threshold=0.6, hysteresis=0.2)
        run(machine, [RED])
        sequence = [(0.0, 1 - value, value) for value in random.uniform(0.4401, 0.99, 100)]
        inside = [values for values in sequence if values[1] < values[2] + 0.2]
        assert set(said(run(machine, inside))) == {"red"}


def test_a_label_on_the_threshold_changes_only_by_the_whole_band() -> None:
    random = np.random.default_rng(8)
    machine = decider(window=4)
    decisions = run(machine, [(0.0, 0.0, value) for value in random.uniform(0.42, 0.58, 500)])
    changes = [decision for decision in decisions if decision.changed]
    assert said(changes)[:2] in (["starting", "red"], ["starting", "low_score"])
    assert len(changes) <= 3


def test_the_same_frames_give_the_same_decisions() -> None:
    random = np.random.default_rng(9)
    sequence = random.dirichlet([0.7, 0.7, 0.7], 300)
    assert run(decider(), sequence) == run(decider(), sequence)


def test_changed_marks_exactly_the_changes() -> None:
    random = np.random.default_rng(10)
    decisions = run(decider(window=2), random.dirichlet([0.4, 0.4, 0.4], 500))
    assert decisions[0].changed
    for before, after in pairwise(decisions):
        assert after.changed == (said([before]) != said([after]))
        assert (after.label is None) == (after.unknown_reason is not None)
        assert after.since == (after.timestamp if after.changed else before.since)
        assert after.previous == (before.label if after.changed else before.previous)


def test_a_decision_says_when_and_from_what() -> None:
    *_, decision = run(decider(), [RED, RED, RED, RED])
    assert decision.since == pytest.approx(1000.2)
    assert decision.timestamp == pytest.approx(1000.3)
    assert decision.frame_index == 3
    assert decision.inference_ms == 1.5
    assert decision.confidence == pytest.approx(0.9)
    assert [entry.label for entry in decision.top] == ["red", "green", "blue"]


def test_the_confidence_is_that_of_the_label_even_where_another_leads() -> None:
    machine = decider(window=1)
    run(machine, [RED])
    (decision,) = run(machine, [(0.0, 0.52, 0.47)])
    assert (decision.label, decision.top[0].label) == ("red", "green")
    assert decision.confidence == pytest.approx(0.47)


def test_missing_frames_clear_what_was_seen() -> None:
    machine = decider()
    run(machine, [RED] * 3)
    gone = machine.missing("no_frames", 2000.0)
    assert (gone.label, gone.unknown_reason, gone.previous, gone.changed) == (None, "no_frames", "red", True)
    assert (gone.since, gone.timestamp, gone.confidence, gone.top) == (2000.0, 2000.0, 0.0, ())
    assert not machine.missing("no_frames", 2001.0).changed
    assert said(run(machine, [GREEN] * 3, start=3)) == ["starting", "starting", "green"]


def test_another_reason_is_a_change() -> None:
    machine = decider()
    assert machine.missing("no_frames", 1.0).changed
    assert machine.missing("stale", 2.0).changed


@pytest.mark.parametrize("hysteresis", [0.0, 0.5])
def test_the_ends_of_the_hysteresis(hysteresis: float) -> None:
    machine = decider(window=1, hysteresis=hysteresis)
    assert said(run(machine, [RED, (0.0, 0.51, 0.49), NEITHER])) == (
        ["red", "green", "low_score"] if hysteresis == 0 else ["red", "red", "red"]
    )


def observe_red(machine: Decider, familiarities: Sequence[float | None]) -> list[Decision]:
    """Red frames all the same, each with its familiarity."""
    return [machine.observe(frame(i), scores(RED, value)) for i, value in enumerate(familiarities)]


@pytest.mark.parametrize(
    ("familiarities", "expected"),
    [
        ([0.9, 0.9, 0.9], ["starting", "starting", "red"]),
        ([0.5, 0.5, 0.5], ["starting", "starting", "unfamiliar"]),
        ([0.71, 0.71, 0.71], ["starting", "starting", "red"]),
        ([0.69, 0.69, 0.69], ["starting", "starting", "unfamiliar"]),  # the band is for what was familiar
        ([0.9, 0.9, 0.9, 0.35, 0.9], ["starting", "starting", "red", "red", "red"]),  # the average is 0.72
        ([0.9, 0.9, 0.9, 0.0, 0.0], ["starting", "starting", "red", "unfamiliar", "unfamiliar"]),
        ([0.5, 0.5, 0.5, 0.9, 0.9], ["starting", "starting", "unfamiliar", "unfamiliar", "red"]),
        ([None, None, None], ["starting", "starting", "red"]),  # a model that can't tell
    ],
)
def test_what_familiarity_means(familiarities: Sequence[float | None], expected: list[str]) -> None:
    assert said(observe_red(decider(familiarity=0.7), familiarities)) == expected


@pytest.mark.parametrize(
    ("hysteresis", "falls_to", "expected"),
    [(0.1, 0.685, "red"), (0.1, 0.675, "unfamiliar"), (0.5, 0.61, "red"), (0.0, 0.699, "unfamiliar")],
)
def test_what_was_familiar_stays_so_within_the_band(
    hysteresis: float, falls_to: float, expected: str
) -> None:
    machine = decider(window=1, hysteresis=hysteresis, familiarity=0.7)
    assert said(observe_red(machine, [0.9, falls_to])) == ["red", expected]


def test_familiarity_inside_the_band_never_flaps() -> None:
    random = np.random.default_rng(11)
    machine = decider(window=1, familiarity=0.7)
    inside = observe_red(machine, [0.9, *random.uniform(0.681, 0.8, 200)])
    assert set(said(inside)) == {"red"}
    outside = observe_red(machine, [0.5, *random.uniform(0.5, 0.699, 200)])
    assert set(said(outside)) == {"unfamiliar"}


def test_unfamiliar_comes_before_low_score() -> None:
    machine = decider(window=1, familiarity=0.7)
    decisions = [machine.observe(frame(i), scores(NEITHER, value)) for i, value in enumerate([0.5, 0.9])]
    assert said(decisions) == ["unfamiliar", "low_score"]


def test_a_lost_camera_must_be_familiar_anew() -> None:
    machine = decider(window=1, familiarity=0.7)
    observe_red(machine, [0.9])
    assert machine.missing("no_frames", 2000.0).familiarity is None
    assert said(observe_red(machine, [0.69])) == ["unfamiliar"]


def test_a_decision_says_how_familiar_the_window_was() -> None:
    decisions = observe_red(decider(window=2, familiarity=0.7), [0.9, 0.8])
    assert [decision.familiarity for decision in decisions] == [pytest.approx(0.9), pytest.approx(0.85)]


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ([(0.0, 0.0, 0.7)], ["low_score"]),  # red must reach 0.8
        ([(0.0, 0.0, 0.85)], ["red"]),
        ([(0.0, 0.45, 0.1)], ["green"]),  # green only 0.4
        ([(0.45, 0.1, 0.1)], ["low_score"]),  # blue the common 0.5
        ([(0.0, 0.0, 0.85), (0.0, 0.0, 0.71)], ["red", "red"]),  # in its own band
        ([(0.0, 0.0, 0.85), (0.0, 0.0, 0.69)], ["red", "low_score"]),
        ([(0.0, 0.85, 0.1), (0.0, 0.31, 0.69)], ["green", "green"]),  # red leads, but not by its threshold
        ([(0.0, 0.85, 0.1), (0.0, 0.15, 0.85)], ["green", "red"]),
    ],
)
def test_each_label_has_its_threshold(sequence: Sequence[Sequence[float]], expected: list[str]) -> None:
    machine = decider(window=1, class_thresholds={"red": 0.8, "green": 0.4})
    assert said(run(machine, sequence)) == expected


def test_a_new_threshold_holds_for_every_label_from_the_next_frame() -> None:
    machine = decider(window=1, class_thresholds={"red": 0.2})
    assert said(run(machine, [RED])) == ["red"]
    machine.set_threshold(1.0)
    assert said(run(machine, [(0.0, 0.15, 0.85)])) == ["low_score"]
    machine.set_threshold(0.8)
    assert said(run(machine, [(0.0, 0.15, 0.85)])) == ["red"]


def machine_of(**rules: Any) -> Decider:
    return Decider("belt", LABELS, DecisionRules(**{"limits": Limits(0.5), "window": 1, **rules}))


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ([RED] * 5, ["starting"] * 3 + ["red"] * 2),  # 0.3 s at ten a second
        ([RED] * 4 + [GREEN] * 4, ["starting"] * 3 + ["red"] * 4 + ["green"]),
        ([RED] * 4 + [GREEN, GREEN, RED, GREEN], ["starting"] * 3 + ["red"] * 5),  # the wait begins anew
        ([RED] * 4 + [NEITHER, RED], ["starting"] * 3 + ["red", "low_score", "low_score"]),
        ([NEITHER, RED, RED, RED, RED], ["low_score"] * 4 + ["red"]),
        ([RED, GREEN] * 3, ["starting"] * 6),
    ],
)
def test_a_label_must_last_before_it_is_reported(
    sequence: Sequence[Sequence[float]], expected: list[str]
) -> None:
    assert said(run(machine_of(hold_s=0.3), sequence)) == expected


def test_the_hold_is_on_the_frames_own_time_line() -> None:
    machine = machine_of(hold_s=60.0)
    frames = [dataclasses.replace(frame(number), time_s=30.0 * number) for number in range(3)]
    decisions = [machine.observe(each, scores(RED)) for each in frames]
    assert said(decisions) == ["starting", "starting", "red"]


def test_missing_frames_begin_the_hold_anew() -> None:
    machine = machine_of(hold_s=0.25)
    assert said(run(machine, [RED] * 4))[-1] == "red"
    machine.missing("dark", 1000.4, frame(4))
    assert said(run(machine, [RED] * 4, start=5)) == ["starting"] * 3 + ["red"]


STRONG_RED, WEAK_RED = (0.0, 0.0, 1.0), (0.0, 0.0, 0.2)


@pytest.mark.parametrize(
    ("sequence", "votes", "expected"),
    [
        ([RED] * 3 + [GREEN] * 3, None, ["red", "red", "green", "green"]),
        ([RED] * 3 + [GREEN] * 3, 3, ["red", "red", "low_score", "green"]),  # all three; one less to stay
        ([STRONG_RED, GREEN, GREEN], None, ["green"]),
        ([STRONG_RED, STRONG_RED, GREEN], 3, ["low_score"]),
        ([RED, NEITHER, GREEN], 1, ["green"]),  # as many votes: the first label
        ([RED, RED, RED, NEITHER, RED, NEITHER], None, ["red", "red", "red", "red"]),
        ([RED, RED, RED, WEAK_RED, WEAK_RED, WEAK_RED], None, ["red", "red", "red", "low_score"]),
    ],
)
def test_what_votes_mean(sequence: Sequence[Sequence[float]], votes: int | None, expected: list[str]) -> None:
    decisions = run(machine_of(window=3, smoothing="votes", votes=votes), sequence)
    assert said(decisions) == ["starting", "starting", *expected]


def test_one_wild_frame_moves_the_mean_but_not_the_votes() -> None:
    quiet, wild = (0.0, 0.55, 0.45), (0.0, 0.0, 1.0)
    sequence = [quiet] * 3 + [wild]
    assert said(run(machine_of(window=3), sequence))[-1] == "red"
    assert said(run(machine_of(window=3, smoothing="votes"), sequence))[-1] == "green"


def test_nothing_at_all_is_no_label_at_any_threshold() -> None:
    nothing = (0.0, 0.0, 0.0)
    machine = decider(window=1, threshold=0.0)
    assert said(run(machine, [RED, nothing, nothing])) == ["red", "low_score", "low_score"]
