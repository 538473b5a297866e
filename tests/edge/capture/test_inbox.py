"""The hand-over: newest wins for cameras, nothing is lost for recordings."""

from __future__ import annotations

import threading

import numpy as np

from edge.capture.inbox import RECORDING_DEPTH, Inbox
from edge.records import Frame
from tests.support.tools import wait_until

PIXELS = np.zeros((1, 1, 3), np.uint8)


def frame(camera: str, index: int) -> Frame:
    return Frame(camera, index, PIXELS, float(index), 0.0, 0.0)


def inbox(*cameras: str) -> Inbox:
    box = Inbox()
    for camera in cameras:
        box.add_camera(camera)
    return box


def test_the_newest_live_frame_wins() -> None:
    box = inbox("a")
    assert [box.put_newest(frame("a", index)) for index in range(3)] == [False, True, True]
    taken = box.take(0)
    assert taken is not None
    assert taken.index == 2
    assert box.take(0) is None


def test_a_recording_loses_nothing_and_keeps_its_order() -> None:
    box = inbox("a")
    thread = threading.Thread(target=lambda: [box.put_next(frame("a", index)) for index in range(200)])
    thread.start()
    taken = [box.take(5) for _ in range(200)]
    thread.join(60)
    assert [one.index for one in taken if one] == list(range(200))
    assert box.is_empty("a")


def test_a_recording_waits_for_room() -> None:
    box = inbox("a")
    done: list[int] = []

    def fill() -> None:
        for index in range(RECORDING_DEPTH + 1):
            box.put_next(frame("a", index))
            done.append(index)

    thread = threading.Thread(target=fill)
    thread.start()
    wait_until(lambda: len(done) == RECORDING_DEPTH, "a full inbox")
    assert thread.is_alive()
    box.take(0)
    thread.join(60)
    assert len(done) == RECORDING_DEPTH + 1


def test_cameras_are_served_in_turn() -> None:
    box = inbox("a", "b", "c")
    for camera in ("a", "b", "c"):
        for index in range(3):
            box.put_next(frame(camera, index))
    order = [taken.camera for _ in range(9) if (taken := box.take(0))]
    assert order == ["a", "b", "c"] * 3


def test_a_busy_camera_does_not_starve_another() -> None:
    box = inbox("busy", "calm")
    box.put_newest(frame("calm", 0))
    box.put_newest(frame("busy", 0))
    served = set()
    for index in range(1, 3):
        taken = box.take(0)
        assert taken is not None
        served.add(taken.camera)
        box.put_newest(frame("busy", index))
    assert served == {"busy", "calm"}


def test_removing_a_camera_frees_its_thread() -> None:
    box = inbox("a")
    results: list[bool] = []
    thread = threading.Thread(
        target=lambda: [results.append(box.put_next(frame("a", i))) for i in range(RECORDING_DEPTH + 1)]
    )
    thread.start()
    wait_until(lambda: len(results) == RECORDING_DEPTH, "a full inbox")
    box.remove_camera("a")
    thread.join(60)
    assert results == [True] * RECORDING_DEPTH + [False]
    assert box.take(0) is None


def test_a_removed_camera_is_not_listened_to() -> None:
    box = inbox("a")
    box.remove_camera("a")
    assert not box.put_newest(frame("a", 0))
    assert not box.put_next(frame("a", 0))
    assert box.is_empty("a")


def test_taking_wakes_up_when_a_frame_comes() -> None:
    box = inbox("a")
    threading.Timer(0.05, lambda: box.put_newest(frame("a", 7))).start()
    taken = box.take(10)
    assert taken is not None
    assert taken.index == 7
