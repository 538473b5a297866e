"""The thread that reads a live source and may hang."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref

import numpy as np
import pytest

from edge.capture.rate_limit import RateLimit
from edge.capture.reader_thread import Arrival, ReaderThread
from edge.capture.sources.reader import Picture, Reduction
from edge.errors import CameraUnavailableError
from tests.support.tools import wait_until


class Scripted:
    """A reader that gives what it is told to, then waits until it may go on, then fails."""

    def __init__(self, *pictures: Picture | None) -> None:
        self.left = list(pictures)
        self.waits, self.may_fail = threading.Event(), threading.Event()
        self.closed = 0

    def read(self) -> Picture | None:
        if self.left:
            return self.left.pop(0)
        self.waits.set()
        self.may_fail.wait(60)
        raise CameraUnavailableError("gone")

    def close(self) -> None:
        self.closed += 1


def numbered(number: int) -> Picture:
    return Picture(np.full((8, 8, 3), number, np.uint8))


def test_the_newest_picture_is_kept_and_the_others_are_counted() -> None:
    reader = Scripted(*map(numbered, range(5)))
    thread = ReaderThread("read", lambda: reader, RateLimit(None))
    assert reader.waits.wait(60)
    arrival = thread.take(1)
    assert arrival is not None
    assert arrival.picture is not None
    assert (arrival.picture.pixels[0, 0, 0], arrival.missed) == (4, 4)
    assert thread.take(0.01) is None
    reader.may_fail.set()
    with pytest.raises(CameraUnavailableError, match="gone"):
        thread.take(5)
    assert thread.end(60)
    assert reader.closed == 1


def test_nothing_new_does_not_hide_a_picture() -> None:
    reader = Scripted(numbered(1), None)
    thread = ReaderThread("read", lambda: reader, RateLimit(None))
    assert reader.waits.wait(60)
    arrival = thread.take(1)
    assert arrival is not None
    assert arrival.picture is not None
    assert arrival.missed == 0
    reader.may_fail.set()
    assert thread.end(60)


def test_a_thread_that_hangs_is_left_alone_and_closes_its_reader_in_the_end() -> None:
    reader = Scripted()
    thread = ReaderThread("read", lambda: reader, RateLimit(None))
    assert reader.waits.wait(60)
    started_s = time.monotonic()
    assert thread.take(0.05) is None
    assert not thread.end(0.05)
    assert time.monotonic() - started_s < 30
    assert reader.closed == 0
    reader.may_fail.set()
    wait_until(lambda: not thread.is_alive, "the end of the thread")
    assert reader.closed == 1


def test_what_opening_raises_is_raised_where_pictures_are_awaited() -> None:
    def fail() -> Scripted:
        raise CameraUnavailableError("not there")

    with pytest.raises(CameraUnavailableError, match="not there"):
        ReaderThread("read", fail, RateLimit(None)).take(5)


def test_a_camera_that_was_lost_leaves_nothing_behind() -> None:
    reader = Scripted()
    reader.may_fail.set()
    thread = ReaderThread("read", lambda: reader, RateLimit(None))
    known = weakref.ref(thread)
    gc.disable()
    try:
        with contextlib.suppress(CameraUnavailableError):
            thread.take(5)
        assert thread.end(60)
        del thread
        assert known() is None
    finally:
        gc.enable()


class Grabbed:
    """A reader that need not decode: it gives numbers, as fast as they are let go, each time one more."""

    def __init__(self, *, damaged: int = 0) -> None:
        self.grabbed, self.retrieved, self.damaged = 0, 0, damaged
        self.free, self.done = threading.Semaphore(0), threading.Event()

    def grab(self) -> None:
        self.done.set()
        self.free.acquire(timeout=60)
        self.done.clear()
        self.grabbed += 1

    def retrieve(self, reduction: Reduction | None = None) -> Picture | None:
        self.retrieved += 1
        return numbered(self.grabbed) if self.retrieved > self.damaged else None

    def read(self) -> Picture | None:
        raise AssertionError("it can do better")

    def close(self) -> None:
        """Nothing is held open."""

    def give(self, count: int) -> None:
        for _ in range(count):
            assert self.done.wait(60)
            self.done.clear()
            self.free.release()
        assert self.done.wait(60)


class EveryThird(RateLimit):
    """Not by the clock."""

    asked = 0

    def is_due(self, time_s: float) -> bool:
        self.asked += 1
        return self.asked % 3 == 1


def test_what_is_not_due_is_not_decoded_and_counted_where_it_came() -> None:
    reader = Grabbed()
    thread = ReaderThread("read", lambda: reader, RateLimit(0.01))
    reader.give(4)
    first = thread.take(1)
    assert first is not None
    assert first.picture is not None
    assert (first.picture.pixels[0, 0, 0], first.skipped, first.skipped_after) == (1, 0, 3)
    reader.give(2)
    later = thread.take(1)
    assert later == Arrival(None, later.received_s if later else 0.0, skipped=2)
    assert (reader.grabbed, reader.retrieved) == (6, 1)
    thread.end(0)
    reader.free.release()
    assert thread.end(60)


def test_a_damaged_picture_does_not_use_up_its_turn() -> None:
    reader = Grabbed(damaged=3)
    thread = ReaderThread("read", lambda: reader, RateLimit(0.01))
    reader.give(6)
    arrival = thread.take(1)
    assert arrival is not None
    assert arrival.picture is not None
    assert (arrival.picture.pixels[0, 0, 0], arrival.skipped_after, reader.retrieved) == (4, 2, 4)
    thread.end(0)
    reader.free.release()
    assert thread.end(60)


def test_pictures_that_are_skipped_count_before_the_next_one() -> None:
    reader = Grabbed()
    thread = ReaderThread("read", lambda: reader, EveryThird(None))
    reader.give(4)
    arrival = thread.take(1)
    assert arrival is not None
    assert arrival.picture is not None
    assert (arrival.picture.pixels[0, 0, 0], arrival.missed, arrival.skipped) == (4, 1, 2)
    thread.end(0)
    reader.free.release()
    assert thread.end(60)
