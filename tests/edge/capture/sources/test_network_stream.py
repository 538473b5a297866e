"""How long a network stream may take to open, told from what it took before."""

from __future__ import annotations

import contextlib

import pytest

from edge.capture.sources.address import parse_source
from edge.capture.sources.network_stream import SHORTEST_MS, NetworkStream
from edge.capture.sources.video import OPEN_TIMEOUT_MS
from edge.errors import CameraUnavailableError
from tests.support.cameras.mjpeg import MjpegCamera


def test_a_stream_that_opened_quickly_gets_less_time_even_after_a_refusal() -> None:
    with MjpegCamera("blue") as camera:
        stream = NetworkStream(parse_source(camera.address))
        assert stream.timeout_ms == OPEN_TIMEOUT_MS
        with contextlib.closing(stream.open()) as reader:
            assert reader.read() is not None
        shortened_ms = stream.timeout_ms
        assert SHORTEST_MS <= shortened_ms < OPEN_TIMEOUT_MS
    with pytest.raises(CameraUnavailableError):
        stream.open()
    assert stream.timeout_ms == shortened_ms
