"""The capture thread, over real videos and the public test camera."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from edge.capture import Capture, CaptureOptions
from edge.errors import RecordingError
from edge.inbox import RECORDING_DEPTH, Inbox
from edge.preprocess import PreprocessSpec, prepare
from edge.readers import opener
from edge.records import Frame
from edge.sources import parse_source
from tests.support.tools import wait_until
from tests.support.videos import write_video


@contextmanager
def capturing(
    address: object, fps: float | None = None, spec: PreprocessSpec | None = None
) -> Iterator[tuple[Capture, Inbox]]:
    source, inbox = parse_source(str(address)), Inbox()
    options = CaptureOptions(source.live, fps, functools.partial(prepare, spec=spec) if spec else None)
    capture = Capture("cam", opener(source), inbox, options)
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
    assert all(frame.prepared and frame.pixels.shape == (24, 32, 3) for frame in frames)
    assert frames[0].pixels[0, 0, 0] > 150


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
        frames = [inbox.take(5) for _ in range(6)]
    times = [frame.time_s for frame in frames if frame]
    assert len(times) == 6
    assert times[-1] - times[0] >= 0.2
    assert capture.status.skipped > 20


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
    Capture("cam", opener(parse_source("test://")), Inbox(), CaptureOptions(live=True)).join()
