"""What holds for any frames at all: made up by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.decide.decider import Decider, DecisionRules, Smoothing
from edge.records import Decision, Frame, Limits, Scores, UnknownReason

settings.register_profile("patient", settings(), deadline=None)  # for a busy machine
settings.load_profile("patient")

LABELS = ("blue", "green", "red")
PIXELS = np.zeros((1, 1, 3), np.uint8)
STEPS = 256  # as the networks answer: in 256ths, whose sums are exact
Row = tuple[int, int, int]
Step = Row | UnknownReason  # a judged frame's scores, or that nothing could be judged

rows = st.tuples(*[st.integers(0, STEPS - 1)] * 3)
steps = st.one_of(rows, rows, rows, st.sampled_from(["no_frames", "stale", "frozen", "dark"]))
intervals = st.integers(1, 40).map(lambda hundredths: hundredths / 100)
shares = st.integers(0, 100).map(lambda hundredths: hundredths / 100)
smoothings = st.sampled_from(["mean", "votes"])


@st.composite
def rules(draw: st.DrawFn) -> DecisionRules:
    window = draw(st.integers(1, 6))
    thresholds = st.integers(26, 230).map(lambda level: level / STEPS)
    return DecisionRules(
        limits=Limits(draw(thresholds), draw(st.dictionaries(st.sampled_from(LABELS), thresholds))),
        window=window,
        hysteresis=draw(st.integers(0, 50)) / 100,
        hold_s=draw(st.sampled_from([0.0, 0.3, 1.0])),
        smoothing=draw(smoothings),
        votes=draw(st.one_of(st.none(), st.integers(1, window))),
    )


def decided(how: DecisionRules, sequence: Sequence[Step], interval_s: float = 0.1) -> list[Decision]:
    machine = Decider("belt", LABELS, how)
    decisions = [machine.missing("starting", 1000.0)]
    for number, step in enumerate(sequence, 1):
        time_s = number * interval_s
        if isinstance(step, str):
            decisions.append(machine.missing(step, 1000 + time_s))
            continue
        frame = Frame("belt", number, PIXELS, time_s=time_s, captured_at=1000 + time_s, received_s=0)
        scores = Scores(np.asarray(step, np.float32) / np.float32(STEPS), 0.0, 0.0)
        decisions.append(machine.observe(frame, scores))
    return decisions


def state(decision: Decision) -> tuple[str | None, str | None]:
    return decision.label, decision.unknown_reason


@given(rules(), st.lists(steps, max_size=40), intervals)
def test_a_state_is_a_label_or_a_reason_and_each_change_is_an_event(
    how: DecisionRules, sequence: list[Step], interval_s: float
) -> None:
    decisions = decided(how, sequence, interval_s)
    assert all((each.label is None) == (each.unknown_reason is not None) for each in decisions)
    assert decisions[0].changed
    for before, after in pairwise(decisions):
        assert after.changed == (state(before) != state(after))
        assert after.previous == (before.label if after.changed else before.previous)
        assert after.since == (after.timestamp if after.changed else before.since)


@given(rules(), st.lists(steps, max_size=40), intervals)
def test_the_same_frames_always_give_the_same_decisions(
    how: DecisionRules, sequence: list[Step], interval_s: float
) -> None:
    assert decided(how, sequence, interval_s) == decided(how, sequence, interval_s)


@given(rules(), st.lists(steps, max_size=40), intervals)
def test_a_label_is_reported_only_after_the_hold(
    how: DecisionRules, sequence: list[Step], interval_s: float
) -> None:
    """The state before, which a new label ends, has lasted at least as long."""
    for before, after in pairwise(decided(how, sequence, interval_s)):
        if after.changed and after.label is not None:
            assert after.since - before.since >= how.hold_s - 1e-5


@given(rules(), st.lists(steps, max_size=40), intervals)
def test_the_hold_delays_labels_and_changes_no_reason_for_lack_of_frames(
    how: DecisionRules, sequence: list[Step], interval_s: float
) -> None:
    for step, decision in zip(sequence, decided(how, sequence, interval_s)[1:], strict=True):
        if isinstance(step, str):
            assert state(decision) == (None, step)


@given(rules(), rows, st.integers(1, 30))
def test_votes_and_mean_agree_on_what_never_changes(how: DecisionRules, row: Row, count: int) -> None:
    def said(smoothing: Smoothing) -> list[tuple[str | None, str | None]]:
        same = DecisionRules(how.limits, how.window, how.hysteresis, how.hold_s, smoothing, how.votes)
        return [state(decision) for decision in decided(same, [row] * count)]

    assert said("mean") == said("votes")


@given(smoothings, st.integers(1, 6), st.integers(2, 50), st.lists(st.tuples(shares, shares), max_size=30))
def test_scores_inside_the_band_never_flap(
    smoothing: Smoothing, window: int, hysteresis: int, inside: list[tuple[float, float]]
) -> None:
    """Red between its threshold less the hysteresis and 1, nobody ahead by the hysteresis: red it stays."""
    how = DecisionRules(Limits(0.6), window, hysteresis / 100, smoothing=smoothing)
    lowest = int((0.6 - hysteresis / 100) * STEPS) + 2
    sequence: list[Step] = [(0, 0, 250)] * window
    for of_red, of_green in inside:
        red = lowest + int(of_red * (STEPS - 1 - lowest))
        sequence.append((0, int(of_green * min(STEPS - 1, red + hysteresis * STEPS // 100 - 1)), red))
    decisions = decided(how, sequence)[window:]
    assert {state(decision) for decision in decisions} == {("red", None)}


@given(smoothings, st.lists(st.integers(0, 153), min_size=1, max_size=40), st.integers(1, 6))
def test_what_never_reaches_the_threshold_is_never_a_label(
    smoothing: Smoothing, levels: list[int], window: int
) -> None:
    how = DecisionRules(Limits(0.6), window, hysteresis=0.5, smoothing=smoothing)
    assert all(each.label is None for each in decided(how, [(level, 0, 0) for level in levels]))
