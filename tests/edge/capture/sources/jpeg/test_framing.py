"""Encoded pictures as bytes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.sources.jpeg.framing import JpegSplitter, find_jpeg_end, is_complete, read_jpeg_size
from tests.support.cameras.videos import picture, write_picture


def jpeg(label: str = "red", size: int = 64) -> bytes:
    noise = np.random.default_rng(1).integers(0, 30, (size, size, 3), np.uint8)
    return cv2.imencode(".jpg", picture(label, size, size) + noise)[1].tobytes()


def with_thumbnail(data: bytes) -> bytes:
    """The JPEG with a whole small one inside an APP1 segment, as cameras' EXIF has it."""
    inner = jpeg("blue", 16)
    return data[:2] + b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner + data[2:]


@pytest.mark.parametrize("data", [jpeg(), with_thumbnail(jpeg())])
def test_a_jpeg_is_whole_at_its_last_byte_and_not_before(data: bytes) -> None:
    assert find_jpeg_end(data + jpeg()) == len(data)
    assert is_complete(data)
    assert not any(is_complete(data[:length]) for length in range(len(data)))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
def test_other_files_are_whole_at_their_last_byte_and_not_before(tmp_path: Path, suffix: str) -> None:
    data = write_picture(tmp_path / f"a{suffix}", "green").read_bytes()
    assert is_complete(data)
    assert not any(is_complete(data[:length]) for length in range(len(data)))


def test_what_is_no_picture_is_not_whole() -> None:
    assert not is_complete(b"hello, this is no picture at all")
    assert not is_complete(b"\xff\xd8\xff\xd9")
    assert not is_complete(b"\xff\xd8 no markers here")


@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
def test_a_stream_is_cut_into_its_jpegs_whatever_lies_between(step: int) -> None:
    pictures = [jpeg("red"), with_thumbnail(jpeg("green")), jpeg("blue")]
    stream = b"noise\xff" + b"\r\n--boundary\xff\xd8\xff\xd9".join(pictures) + b"\xff"
    splitter, found = JpegSplitter(), []
    for start in range(0, len(stream), step):
        found += splitter.feed(stream[start : start + step])
    assert found == pictures


def test_a_picture_without_an_end_is_refused_once_it_is_too_large() -> None:
    splitter = JpegSplitter(max_bytes=10_000)
    head = jpeg()[:700]
    assert splitter.feed(head + bytes(5_000)) == []
    with pytest.raises(ValueError, match="no whole JPEG in 10000 bytes"):
        splitter.feed(bytes(5_000))


def test_garbage_is_not_kept() -> None:
    splitter = JpegSplitter(max_bytes=100_000)
    garbage = np.random.default_rng(3).integers(0, 256, 1000, np.uint8).tobytes()
    for _ in range(1000):
        assert splitter.feed(garbage) == []
    assert splitter.feed(jpeg()) == [jpeg()]


@pytest.mark.parametrize("suffix", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]])
def test_a_jpegs_size_is_read_from_its_head(suffix: list[int]) -> None:
    data = with_thumbnail(cv2.imencode(".jpg", picture("red", 98, 34), suffix)[1].tobytes())
    assert read_jpeg_size(data) == read_jpeg_size(memoryview(data)) == (98, 34)
    assert read_jpeg_size(data[:20]) is None
    assert read_jpeg_size(b"no picture at all") is None
