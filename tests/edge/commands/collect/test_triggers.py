"""When a photograph is due."""

from __future__ import annotations

import numpy as np
import pytest

from edge.commands.collect.triggers import Interval, KeyPress, Motion, Trigger
from edge.preprocess import Image
from edge.records import Frame

EMPTY = np.full((48, 64, 3), 90, np.uint8)


def thing(left: int) -> Image:
    image = EMPTY.copy()
    image[10:30, left : left + 12] = 250
    return image


def frame(time_s: float, pixels: Image = EMPTY) -> Frame:
    return Frame("camera", 0, pixels, time_s, captured_at=0.0, received_s=time_s)


def mark_taken(trigger: Trigger, frames: list[Frame]) -> list[float]:
    """The times of the frames that are taken where each is taken that is due."""
    times = []
    for each in frames:
        if trigger.is_due(each):
            trigger.mark_taken()
            times.append(each.time_s)
    return times


def still(image: Image, start_s: float, end_s: float) -> list[Frame]:
    return [frame(time_s, image) for time_s in np.arange(start_s, end_s, 0.1).round(3)]


@pytest.mark.parametrize(
    ("every_s", "times_s", "expected"),
    [
        (0.2, np.arange(0, 1, 0.1), [0, 0.2, 0.4, 0.6, 0.8]),
        (0.25, np.arange(0, 1.05, 0.1), [0, 0.3, 0.5, 0.8, 1.0]),
        (1.0, [5.0, 5.9, 6.0, 9.5, 9.9, 10.5], [5.0, 6.0, 9.5, 10.5]),
    ],
)
def test_the_interval_keeps_its_pace(every_s: float, times_s: list[float], expected: list[float]) -> None:
    frames = [frame(float(time_s)) for time_s in times_s]
    assert mark_taken(Interval(every_s), frames) == pytest.approx(expected)


def test_a_key_takes_one_picture_that_is_newer_than_the_key() -> None:
    press = KeyPress()
    assert mark_taken(press, [frame(1.0)]) == []
    press.ask(2.0)
    assert mark_taken(press, [frame(1.9), frame(2.1), frame(2.2)]) == [2.1]
    press.ask(3.0)
    press.forget()
    assert mark_taken(press, [frame(3.1)]) == []


def test_something_new_is_taken_once_when_it_rests() -> None:
    moving = [frame(1 + 0.1 * step, thing(4 * step)) for step in range(8)]
    frames = [*still(EMPTY, 0, 1), *moving, *still(thing(28), 1.8, 4)]
    assert mark_taken(Motion(), frames) == pytest.approx([2.0])


def test_the_empty_scene_is_never_taken() -> None:
    frames = [*still(EMPTY, 0, 1), *still(thing(8), 1, 2), *still(EMPTY, 2, 4), *still(thing(40), 4, 5)]
    assert mark_taken(Motion(), frames) == pytest.approx([1.3, 4.3])


def test_what_never_rests_is_taken_all_the_same() -> None:
    frames = [*still(EMPTY, 0, 1), *(frame(1 + 0.1 * n, thing(20 * (n % 3))) for n in range(100))]
    assert mark_taken(Motion(), frames) == pytest.approx([6.0])


def test_a_higher_share_overlooks_small_things() -> None:
    frames = [*still(EMPTY, 0, 1), *still(thing(8), 1, 4)]
    assert mark_taken(Motion(0.5), frames) == []
