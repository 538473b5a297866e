"""Is the network good enough, and what should be done next? Pure functions over the records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from training.evaluation.intervals import Z_95
from training.evaluation.record import ClassResult, PartResult
from training.quantization.comparison import Comparison
from training.report.confusion import Confused
from training.report.wording import interval_text, percent

Level = Literal["good", "open", "bad"]

# An interval wider than this (±5 %) can't tell a network that is good enough from one that is not.
MAX_INTERVAL = 0.1
# Below so many photographs of a class, their number is worth naming.
FEW_TO_TRAIN_ON = 50
# More names than this make the sentence unreadable.
MAX_WEAK_NAMED = 3
# A pair of classes is named where it makes up a fifth of all mistakes; rarer pairs tell little.
MIN_SHARE_OF_MISTAKES = 0.2


@dataclass(frozen=True, slots=True)
class Quality:
    """Is it good enough? level: yes, can't be told, no. too_small: the test part decides nothing."""

    level: Level
    text: str
    too_small: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the next steps follow from; the advice of audit, corners and curves comes as sentences."""

    quality: Quality
    val: PartResult
    test: PartResult
    train_counts: dict[str, int]
    wanted: float
    confused: Sequence[Confused]
    data_advice: Sequence[str]
    occlusion_advice: Sequence[str]
    curve_advice: Sequence[str]
    minor_advice: Sequence[str]
    quantized: bool


def judge_quality(test: PartResult, wanted: float, int8: Comparison | None = None) -> Quality:
    """Hold accuracy and interval on the test part against the wanted accuracy and the simplest guess.

    The int8 network is judged where there is one: it is what the device gets.
    """
    accuracy, interval = test.accuracy, test.accuracy_interval
    if int8 is not None:
        accuracy, interval = int8.int8_accuracy, int8.int8_interval
    low, high = interval
    biggest = max(test.classes, key=lambda entry: entry.count)
    guess = biggest.count / max(1, test.count)
    where = " on the device (int8)" if int8 is not None else ""
    figures = f"{percent(accuracy)} of {test.count} test photographs are right{where}"
    figures += f" ({interval_text(interval)})"
    goal = f"{percent(wanted, 0)} is wanted"
    beside = f"always saying “{biggest.label}” would get {percent(guess)}"
    too_small = high - low > MAX_INTERVAL
    width = percent(high - low, 0)
    doubt = f", and {test.count} test photographs are too few to tell: the interval is {width} wide"
    if low <= guess:
        text = f"Not good enough: {figures}, which is no sure gain over guessing, for {beside}"
        return Quality("bad", f"{text}{doubt if too_small else ''}.", too_small)
    if high < wanted:
        return Quality("bad", f"Not good enough: {figures}; {goal}, and {beside}.", too_small)
    if low >= wanted:
        return Quality("good", f"Good enough: {figures}; {goal}, and {beside}.", too_small)
    word = "Perhaps good enough" if accuracy >= wanted else "Perhaps not good enough"
    text = f"{word}: {figures}; {goal} and lies inside the interval{doubt if too_small else ''}"
    return Quality("open", f"{text}; {beside}.", too_small)


def weak_classes(test: PartResult, wanted: float) -> tuple[ClassResult, ...]:
    """The classes whose recall surely is below the wanted accuracy, the weakest first."""
    weak = [entry for entry in test.classes if entry.count and entry.recall_interval[1] < wanted]
    return tuple(sorted(weak, key=lambda entry: entry.recall))


def describe_weak_classes(test: PartResult, wanted: float) -> str:
    """The weak classes in words; empty where there is none."""
    weak = weak_classes(test, wanted)
    if not weak:
        return ""
    named = ", ".join(f"{entry.label} ({percent(entry.recall, 0)} found)" for entry in weak[:MAX_WEAK_NAMED])
    more = f" and {len(weak) - MAX_WEAK_NAMED} more" if len(weak) > MAX_WEAK_NAMED else ""
    return f"Surely below {percent(wanted, 0)}: {named}{more}."


def next_steps(evidence: Evidence) -> tuple[str, ...]:
    """The two most useful things to do, the more useful first."""
    found = [
        *evidence.data_advice,
        *evidence.occlusion_advice,
        *evidence.curve_advice,
        *_where_it_is_wrong(evidence),
        *_test_part(evidence),
        *evidence.minor_advice,
    ]
    if evidence.quality.level == "bad":
        found.append("try a larger input, another backbone or --fine-tune 10, and compare the reports")
    if not evidence.quantized and evidence.quality.level != "bad":
        found.insert(1, "make the file for the device: edge-train quantize")
    if not found:
        found.append("put model.tflite on the device, and collect what it gets wrong there")
    return tuple(found[:2])


def photographs_needed(accuracy: float, half_width: float = MAX_INTERVAL / 2) -> int:
    """How many test photographs make the interval of an accuracy this narrow (normal approximation)."""
    share = min(max(accuracy, 0.05), 0.95)
    return round(Z_95**2 * share * (1 - share) / half_width**2)


def is_surely_better(one: PartResult, other: PartResult) -> bool:
    """Whether one part's accuracy is above the other's, at 95 %: Newcombe's hybrid score interval (1998)."""
    below = one.accuracy - one.accuracy_interval[0]
    above = other.accuracy_interval[1] - other.accuracy
    return one.accuracy - other.accuracy > math.hypot(below, above)


def _where_it_is_wrong(evidence: Evidence) -> list[str]:
    found = []
    if is_surely_better(evidence.val, evidence.test):
        found.append(
            f"validation is better ({percent(evidence.val.accuracy)}) than test, so the test photographs are "
            "of another kind: train on photographs like those the camera will see"
        )
    weak = weak_classes(evidence.test, evidence.wanted)
    mistakes = sum(pair.count for pair in evidence.confused)
    if evidence.confused and evidence.confused[0].count >= max(3, MIN_SHARE_OF_MISTAKES * mistakes):
        first = evidence.confused[0]
        found.append(f"add photographs that tell “{first.label}” from “{first.called}”")
    elif weak:
        count = evidence.train_counts.get(weak[0].label, 0)
        few = f" ({count} to train on)" if count < FEW_TO_TRAIN_ON else ""
        found.append(f"add photographs of “{weak[0].label}”{few}")
    return found


def _test_part(evidence: Evidence) -> list[str]:
    if not evidence.quality.too_small:
        return []
    needed = photographs_needed(evidence.test.accuracy)
    within = percent(MAX_INTERVAL / 2, 0)
    return [f"keep more photographs for the test part: about {needed} pin the accuracy to ±{within}"]
