"""The inference thread: answers in order, one ahead, and no error lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from edge.camera.inbox import Inbox
from edge.errors import ModelError
from edge.inference import InferenceThread
from edge.preprocess import Image
from edge.records import Frame, Scores
from tests.support.tools import wait_until

FRAMES = 8


class Echo:
    """Says how it was called, in the scores; breaks at one picture if told to."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.asked = 0
        self._breaks_at = breaks_at

    def classify(self, image: Image) -> Scores:
        if self.asked == self._breaks_at:
            raise ModelError("the network broke", "it was told to", "nothing")
        self.asked += 1
        return Scores(np.array([0, image[0, 0, 0]], np.float32), 0.0, 0.0)

    def classify_prepared(self, pixels: Image) -> Scores:
        self.asked += 1
        return Scores(np.array([1, pixels[0, 0, 0]], np.float32), 0.0, 0.0)


def frame(index: int, *, prepared: bool = False) -> Frame:
    pixels = np.full((2, 2, 3), index, np.uint8)
    return Frame("cam", index, pixels, float(index), 0.0, 0.0, prepared=prepared)


@contextmanager
def working(classifier: Echo, odd_only: bool = False) -> Iterator[tuple[InferenceThread, Inbox]]:
    inbox = Inbox()
    inbox.add_camera("cam")
    thread = InferenceThread(
        inbox, classifier, lambda frame, age_s: age_s > 0 and frame.index % 2 >= odd_only
    )
    thread.start()
    try:
        yield thread, inbox
    finally:
        thread.close()


def test_every_frame_is_answered_in_its_order() -> None:
    with working(Echo()) as (thread, inbox):
        feeder = threading.Thread(target=lambda: [inbox.put_next(frame(n)) for n in range(FRAMES)])
        feeder.start()
        answers = [answer for _ in range(FRAMES) if (answer := thread.take(5))]
        feeder.join(5)
    assert [answer.frame.index for answer in answers] == list(range(FRAMES))
    assert [int(answer.scores.values[1]) for answer in answers if answer.scores] == list(range(FRAMES))


def test_a_prepared_frame_is_not_prepared_again() -> None:
    with working(Echo()) as (thread, inbox):
        inbox.put_next(frame(3, prepared=True))
        answer = thread.take(5)
    assert answer is not None
    assert answer.scores is not None
    assert answer.scores.values.tolist() == [1, 3]


def test_what_is_not_wanted_comes_back_without_scores_in_its_turn() -> None:
    classifier = Echo()
    with working(classifier, odd_only=True) as (thread, inbox):
        for number in range(4):
            inbox.put_next(frame(number))
        answers = [answer for _ in range(4) if (answer := thread.take(5))]
    assert [answer.scores is not None for answer in answers] == [False, True, False, True]
    assert classifier.asked == 2


def test_it_does_not_run_ahead_of_who_takes() -> None:
    classifier = Echo()
    with working(classifier) as (thread, inbox):
        for number in range(4):
            inbox.put_next(frame(number))
        wait_until(lambda: classifier.asked == 2, "one answer waits, and another for its place")
        assert thread.take(5) is not None
        wait_until(lambda: classifier.asked == 3, "the next")
        assert not inbox.is_empty("cam")


def test_an_error_of_the_network_reaches_the_loop_after_the_answers_before_it() -> None:
    with working(Echo(breaks_at=1)) as (thread, inbox):
        inbox.put_next(frame(0))
        inbox.put_next(frame(1))
        assert thread.take(5) is not None
        with pytest.raises(ModelError, match="the network broke"):
            thread.take(5)


def test_without_frames_there_is_no_answer() -> None:
    with working(Echo()) as (thread, _):
        assert thread.take(0.01) is None
