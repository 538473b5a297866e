"""Opened sources: a picture, the end, or a camera that stopped: never one for the other."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.capture.sources.address import parse_source
from edge.capture.sources.folder import FolderReader
from edge.capture.sources.registry import Picture, Reader, make_opener
from edge.capture.sources.video import FFMPEG_OPTIONS_VARIABLE, convert_to_bgr
from edge.errors import CameraUnavailableError, RecordingError, UsageError
from tests.support.cameras.videos import BGR, write_picture, write_video
from tests.support.tools import free_port


def read_all(reader: Reader) -> list[Picture]:
    pictures = []
    with contextlib.closing(reader):
        while (picture := reader.read()) is not None:
            pictures.append(picture)
    return pictures


def test_a_video_gives_every_frame_and_rising_positions(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [("red", 12), ("blue", 13)], fps=25)
    pictures = read_all(make_opener(parse_source(str(video)))())
    assert len(pictures) == 25
    positions = [picture.position_s for picture in pictures]
    assert positions == pytest.approx([i / 25 for i in range(25)], abs=2e-3)
    for picture, label in ((pictures[0], "red"), (pictures[-1], "blue")):
        assert np.abs(picture.pixels.mean(axis=(0, 1)) - BGR[label]).max() < 15


def test_the_end_stays_the_end(tmp_path: Path) -> None:
    reader = make_opener(parse_source(str(write_video(tmp_path / "v.mp4", [("red", 3)]))))()
    assert len(read_all(reader)) == 3
    assert reader.read() is None


@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 100])
def test_what_is_no_video_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"can't read the video .*notes.mp4"):
        read_all(make_opener(parse_source(str(path)))())


def test_a_video_that_is_cut_off_is_said_so(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [("red", 30)])
    video.write_bytes(video.read_bytes()[:600])
    with pytest.raises(RecordingError, match="can't read the video"):
        read_all(make_opener(parse_source(str(video)))())


def test_a_folder_is_read_by_name_and_a_bad_image_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, label in (("b.png", "blue"), ("a.jpg", "red"), ("d.BMP", "green")):
        write_picture(tmp_path / name, label)
    (tmp_path / "c.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("not for us")
    with caplog.at_level(logging.WARNING):
        pictures = read_all(make_opener(parse_source(str(tmp_path)))())
    colours = [picture.pixels[0, 0].astype(int) for picture in pictures]
    expected = [BGR[label] for label in ("red", "blue", "green")]
    assert np.abs(np.array(colours) - expected).max() < 6
    assert [picture.position_s for picture in pictures] == [0, 1, 3]
    assert "c.png" in caplog.text


def test_a_folder_without_images_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="it holds no images"):
        FolderReader(tmp_path)


def test_a_folder_of_broken_images_is_said_so(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(RecordingError, match="none of its images can be decoded"):
        read_all(FolderReader(tmp_path))


def test_grey_and_transparent_pictures_of_a_camera_become_bgr() -> None:
    grey = np.full((6, 8), 7, np.uint8)
    for pixels in (grey, grey[..., None], np.dstack([grey] * 4), np.dstack([grey] * 3)):
        image = convert_to_bgr(pixels)
        assert image is not None
        assert image.shape == (6, 8, 3)
        assert (image == 7).all()
    assert convert_to_bgr(grey.astype(np.uint16)) is None
    assert convert_to_bgr(grey[..., None].repeat(2, axis=2)) is None


def test_a_device_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(CameraUnavailableError, match=r"can't open the camera /dev/video97"):
        make_opener(parse_source("/dev/video97"))()


def test_a_camera_by_a_name_that_nobody_has_is_unavailable() -> None:
    with pytest.raises(CameraUnavailableError, match=r"can't open the camera usb://nobody's"):
        make_opener(parse_source("usb://nobody's"))()


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_stream_that_nobody_serves_is_unavailable_and_keeps_its_secret(scheme: str) -> None:
    address = f"{scheme}://me:secret@127.0.0.1:{free_port()}/x"
    with pytest.raises(CameraUnavailableError) as failure:
        make_opener(parse_source(address))()
    assert "secret" not in str(failure.value)


def test_the_test_pattern_moves_and_has_the_size_asked_for() -> None:
    reader = make_opener(parse_source("test://?size=64x48&fps=1000"))()
    one, other = reader.read(), reader.read()
    assert one is not None
    assert other is not None
    assert one.pixels.shape == (48, 64, 3)
    assert one.pixels.dtype == np.uint8
    assert not np.array_equal(one.pixels, other.pixels)
    assert one.position_s is None


def test_the_test_pattern_can_be_spoilt() -> None:
    spoilt = "black=1,2,6,7&white=2,3&cover=3,4&freeze=4,6"
    reader = make_opener(parse_source(f"test://?size=64x48&fps=1000&{spoilt}"))()
    pictures = [picture.pixels.astype(int) for _ in range(8) if (picture := reader.read())]
    assert [picture.max() < 8 for picture in pictures] == [number in (1, 6) for number in range(8)]
    assert [picture.min() > 240 for picture in pictures] == [number == 2 for number in range(8)]
    assert [np.ptp(picture) < 8 for picture in pictures] == [number in (1, 2, 3, 6) for number in range(8)]
    assert np.array_equal(pictures[4], pictures[5])


def test_the_test_pattern_keeps_its_pace() -> None:
    reader = make_opener(parse_source("test://?size=64x48&fps=50"))()
    times = []
    for _ in range(6):
        reader.read()
        times.append(time.monotonic())
    assert times[-1] - times[0] >= 0.09
    assert all(after >= before for before, after in pairwise(times))


def test_the_test_camera_goes_and_stays_away() -> None:
    opened = make_opener(parse_source("test://?frames=2&fps=1000&size=16x16"))
    reader = opened()
    assert reader.read()
    assert reader.read()
    with pytest.raises(CameraUnavailableError, match="stopped delivering"):
        reader.read()
    with pytest.raises(CameraUnavailableError, match="it is gone"):
        opened()


@pytest.mark.parametrize(
    "options",
    [
        "frame=5",
        "fps=0",
        "fps=-1",
        "fps=x",
        "fps=nan",
        "size=640",
        "size=0x0",
        "frames=-1",
        "gone=-1",
        "gone=nan",
        "hang=-1",
        "hang=nan",
        "hang=inf",
        "black=5",
        "black=5,4",
        "white=-1,4",
        "cover=x,4",
        "freeze=1,2,2,3",
    ],
)
def test_an_impossible_test_address_is_refused(options: str) -> None:
    with pytest.raises(UsageError, match=r"can't use the camera test://.*write test://"):
        make_opener(parse_source(f"test://?{options}"))


@pytest.mark.parametrize("own", [None, "rtsp_transport;udp"])
def test_rtsp_goes_over_tcp_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    if own:
        monkeypatch.setenv(FFMPEG_OPTIONS_VARIABLE, own)
    else:
        monkeypatch.delenv(FFMPEG_OPTIONS_VARIABLE, raising=False)
    with pytest.raises(CameraUnavailableError):
        make_opener(parse_source(f"rtsp://127.0.0.1:{free_port()}/x"))()
    assert os.environ[FFMPEG_OPTIONS_VARIABLE] == (own or "rtsp_transport;tcp")
