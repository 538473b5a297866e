"""The capture thread, over real videos and the public test camera."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.capture.capture import Capture, CaptureOptions
from edge.capture.inbox import RECORDING_DEPTH, Inbox
from edge.capture.live_capture import LiveCapture
from edge.capture.reconnect import MAX_ABANDONED
from edge.capture.shared_capture import make_capture
from edge.capture.sources.address import parse_source
from edge.capture.sources.reader import Opener, Picture, Reader
from edge.capture.sources.registry import make_opener
from edge.errors import CameraUnavailableError, RecordingError, ThreadStuckError
from edge.preprocess import PreprocessSpec, prepare
from edge.records import Frame
from tests.support.cameras.videos import write_video
from tests.support.tools import wait_until


@contextmanager
def capturing(
    address: object, fps: float | None = None, spec: PreprocessSpec | None = None
) -> Iterator[tuple[Capture, Inbox]]:
    source, inbox = parse_source(str(address)), Inbox()
    options = CaptureOptions(fps, functools.partial(prepare, spec=spec) if spec else None)
    capture = make_capture("cam", make_opener(source), inbox, options, live=source.live)
    capture.start()
    try:
        yield capture, inbox
    finally:
        capture.ask_to_stop()
        inbox.remove_camera("cam")
        capture.join()


def drain(capture: Capture, inbox: Inbox, *, slowly: bool = False) -> list[Frame]:
    """All frames to the end; `slowly` takes one only when the thread has no room left for another."""
    frames: list[Frame] = []
    while not (capture.status.finished and inbox.is_empty("cam")):
        if slowly:
            full = len(frames) + RECORDING_DEPTH + 1
            wait_until(lambda: capture.status.finished or capture.status.frames_in == full, "a full inbox")  # noqa: B023
        frame = inbox.take(0.05)
        if frame:
            frames.append(frame)
    return frames


def test_a_recording_loses_nothing_under_a_slow_consumer(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [("red", 40)])
    with capturing(video) as (capture, inbox):
        frames = drain(capture, inbox, slowly=True)
    assert [frame.index for frame in frames] == list(range(40))
    assert all(before.time_s < after.time_s for before, after in pairwise(frames))
    assert all(before.captured_at < after.captured_at for before, after in pairwise(frames))
    assert (capture.status.state, capture.status.frames_in, capture.status.replaced) == ("ended", 40, 0)


def test_a_recording_is_prepared_in_its_thread(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [("red", 4)])
    with capturing(video, spec=PreprocessSpec(32, 24)) as (capture, inbox):
        frames = drain(capture, inbox)
    assert all(frame.model_input and frame.model_input.pixels.shape == (24, 32, 3) for frame in frames)
    assert frames[0].model_input.pixels[0, 0, 0] > 150
    assert frames[0].pixels[0, 0, 2] > 150


@pytest.mark.parametrize(("fps", "expected"), [(5, 15), (10, 30), (20, 60), (40, 60), (7, 21), (0.5, 2)])
def test_fps_thins_a_recording_on_its_own_time_line(tmp_path: Path, fps: float, expected: int) -> None:
    video = write_video(tmp_path / "v.mp4", [("red", 60)], fps=20)
    with capturing(video, fps=fps) as (capture, inbox):
        frames = drain(capture, inbox)
    assert len(frames) == expected
    assert capture.status.skipped == 60 - expected


def test_what_is_no_video_fails_for_good(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_text("no video")
    with capturing(path) as (capture, _):
        wait_until(lambda: capture.status.finished, "the end")
    assert capture.status.state == "failed"
    assert isinstance(capture.status.error, RecordingError)


def test_of_a_camera_only_the_newest_frame_is_kept() -> None:
    with capturing("test://?fps=200&size=16x16") as (capture, inbox):
        wait_until(lambda: capture.status.frames_in >= 20, "frames")
        seen = capture.status.frames_in
        frame = inbox.take(1)
    assert frame is not None
    assert frame.index >= seen - 1
    assert capture.status.replaced >= 18
    assert time.monotonic() - frame.received_s < 5


def test_fps_limits_a_camera() -> None:
    with capturing("test://?fps=200&size=16x16", fps=20) as (capture, inbox):
        frames = [inbox.take(60) for _ in range(6)]
        wait_until(lambda: capture.status.skipped > 20, "pictures that are not due")
    times = [frame.time_s for frame in frames if frame]
    assert len(times) == 6
    assert times[-1] - times[0] >= 0.2


def test_a_lost_camera_is_opened_again() -> None:
    with capturing("test://?frames=5&gone=0.2&fps=100&size=16x16") as (capture, _):
        wait_until(lambda: capture.status.state == "lost", "the loss")
        assert "stopped delivering" in capture.status.detail
        wait_until(lambda: capture.status.frames_in > 5, "the camera's return")
    assert capture.status.reconnects >= 1


def test_a_camera_that_is_never_there_is_tried_until_told_to_stop() -> None:
    with capturing("/dev/video97") as (capture, _):
        wait_until(lambda: capture.status.state == "lost", "the first try")
        assert not capture.status.finished
    assert capture.status.state == "ended"


def test_stopping_ends_a_recording_that_waits_for_room(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [("red", 40)])
    with capturing(video) as (capture, _):
        wait_until(lambda: capture.status.frames_in == 5, "a full inbox")
    assert capture.status.finished


def test_a_capture_that_never_started_can_be_joined() -> None:
    LiveCapture("cam", make_opener(parse_source("test://")), Inbox(), CaptureOptions()).join()


@contextmanager
def supervised(reader: Callable[[], Reader] | Opener, **options: float) -> Iterator[tuple[Capture, Inbox]]:
    inbox = Inbox()
    capture = LiveCapture("cam", reader, inbox, CaptureOptions(**options))
    capture.start()
    try:
        yield capture, inbox
    finally:
        capture.ask_to_stop()
        capture.join()


def test_a_camera_that_hangs_is_noticed_and_read_again_once_it_goes_on() -> None:
    with capturing("test://?frames=20&fps=50&size=16x16&hang=4") as (capture, _):
        wait_until(lambda: capture.status.state == "lost", "the loss")
        assert capture.status.received_s is not None
        silence_s = time.monotonic() - capture.status.received_s
        assert "no picture in" in capture.status.detail
        wait_until(lambda: capture.status.frames_in > 20, "the camera's return")
    assert 1.0 < silence_s < 3.5
    assert capture.status.reconnects == 1


def test_an_opening_that_hangs_is_given_up() -> None:
    release = threading.Event()
    pattern = make_opener(parse_source("test://?size=16x16&fps=50"))
    opened: list[int] = []

    def open_slowly() -> Reader:
        opened.append(1)
        if len(opened) == 1:
            release.wait(60)
        return pattern()

    with supervised(open_slowly, open_limit_s=0.2) as (capture, _):
        wait_until(lambda: capture.status.state == "lost", "giving up")
        assert "0.2 s after opening it" in capture.status.detail
        wait_until(lambda: capture.status.frames_in, "a picture of the second opening")
        release.set()


def test_an_opening_that_hangs_after_a_quick_one_is_given_up_sooner() -> None:
    release = threading.Event()
    opened: list[int] = []

    class OnePicture:
        left = 1

        def read(self) -> Picture | None:
            if not self.left:
                raise CameraUnavailableError("it died")
            self.left -= 1
            return Picture(np.zeros((8, 8, 3), np.uint8))

        def close(self) -> None:
            """Nothing to close."""

    def open_once() -> Reader:
        opened.append(1)
        if len(opened) > 1:
            release.wait(60)
        return OnePicture()

    with supervised(open_once, open_limit_s=6.0) as (capture, _):
        wait_until(lambda: "after opening it" in capture.status.detail, "giving up the second opening")
        granted_s = float(capture.status.detail.split("no picture ")[1].split(" s")[0])
        release.set()
    assert 3.0 <= granted_s < 6.0


def test_too_many_hanging_threads_end_the_capture_for_good() -> None:
    release = threading.Event()
    closed: list[int] = []

    class Hanging:
        def read(self) -> Picture | None:
            release.wait(60)
            return None

        def close(self) -> None:
            closed.append(1)

    with supervised(Hanging, open_limit_s=0.05, first_retry_s=0.01) as (capture, _):
        wait_until(lambda: capture.status.finished, "the end")
    assert isinstance(capture.status.error, ThreadStuckError)
    assert "hang" in str(capture.status.error)
    release.set()
    wait_until(lambda: len(closed) == MAX_ABANDONED + 1, "each to close its own reader")


def test_a_camera_that_dies_after_each_picture_is_opened_less_and_less_often() -> None:
    opened: list[float] = []

    class Flapping:
        def __init__(self) -> None:
            opened.append(time.monotonic())
            self.left = 1

        def read(self) -> Picture | None:
            if not self.left:
                raise CameraUnavailableError("it died")
            self.left -= 1
            return Picture(np.zeros((8, 8, 3), np.uint8))

        def close(self) -> None:
            """Nothing to close."""

    with supervised(Flapping) as (capture, _):
        wait_until(lambda: len(opened) == 4, "four openings")
    gaps = [after - before for before, after in pairwise(opened)]
    assert gaps[2] >= 1.0
    assert capture.status.reconnects >= 2


def test_a_source_that_returns_ends_a_long_wait() -> None:
    there = threading.Event()
    pattern = make_opener(parse_source("test://?size=16x16&fps=50"))
    looks: list[bool] = []

    def look() -> bool:
        looks.append(there.is_set())
        return looks[-1]

    def open_it() -> Reader:
        if not there.is_set():
            raise CameraUnavailableError("not there")
        return pattern()

    with supervised(Opener(open_it, look), first_retry_s=60) as (capture, _):
        wait_until(lambda: capture.status.state == "lost", "the first try")
        wait_until(lambda: looks, "a look")
        there.set()
        returned_s = time.monotonic()
        wait_until(lambda: capture.status.frames_in, "a picture")
        assert time.monotonic() - returned_s < 30


def test_pictures_may_change_their_size_in_mid_stream() -> None:
    class Changing:
        def __init__(self) -> None:
            self.number = 0

        def read(self) -> Picture | None:
            self.number += 1
            time.sleep(0.01)
            return Picture(np.zeros((8 * self.number, 16, 3), np.uint8))

        def close(self) -> None:
            """Nothing to close."""

    with supervised(Changing) as (_, inbox):
        heights = [frame.pixels.shape[0] for _ in range(3) if (frame := inbox.take(5))]
    assert heights == sorted(set(heights))
    assert len(heights) == 3
