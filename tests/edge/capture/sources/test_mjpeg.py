"""HTTP cameras, read without FFmpeg where they send what such cameras send."""

from __future__ import annotations

import contextlib
import io
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import numpy as np
import pytest

from edge import preprocess
from edge.capture.capture import CaptureOptions
from edge.capture.inbox import Inbox
from edge.capture.live_capture import LiveCapture
from edge.capture.sources.address import parse_source
from edge.capture.sources.jpeg import decoding
from edge.capture.sources.jpeg.multipart import MultipartJpegs
from edge.capture.sources.mjpeg import MjpegReader, _Login
from edge.capture.sources.reader import GrabbingReader, Reader
from edge.capture.sources.registry import make_opener
from edge.capture.sources.video import FFMPEG_OPTIONS_VARIABLE, VideoReader
from edge.errors import CameraUnavailableError
from tests.edge.capture.sources.jpeg.test_framing import jpeg
from tests.support.brokers.certificates import make_certificates
from tests.support.cameras.mjpeg import Form, MjpegCamera
from tests.support.cameras.videos import BGR

ONE, TWO = jpeg("red"), jpeg("blue", 96)


@pytest.fixture(autouse=True)
def _no_settings_for_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FFMPEG_OPTIONS_VARIABLE, raising=False)


def opened(address: str) -> Reader:
    return make_opener(parse_source(address))()


def read_to_the_end(reader: Reader) -> None:
    while reader.read():
        pass


def part(data: bytes, length: int | None = None, boundary: bytes = b"--frame") -> bytes:
    said = b"" if length is None else b"content-LENGTH: %d\r\n" % length
    return boundary + b"\r\nContent-Type: image/jpeg\r\n" + said + b"\r\n" + data + b"\r\n"


def parts(stream: bytes, max_bytes: int = 100_000) -> list[bytes]:
    jpegs, found = MultipartJpegs(io.BytesIO(stream), max_bytes), []
    with contextlib.suppress(EOFError):
        while True:
            found.append(bytes(jpegs.next()))
    return found


@pytest.mark.parametrize("lengths", [True, False])
def test_the_parts_are_found_with_and_without_a_length(lengths: bool) -> None:
    said: list[Callable[[bytes], bytes]] = [lambda d: part(d, len(d)), part]
    wrap = said[0 if lengths else 1]
    assert parts(b"\r\n" + wrap(ONE) + wrap(TWO) + wrap(ONE)) == [ONE, TWO, ONE]
    assert parts(part(ONE, len(ONE)) + part(TWO) + part(ONE)) == [ONE, TWO, ONE]


def test_a_part_that_is_no_picture_is_passed_over() -> None:
    assert parts(part(b"hello", 5) + part(ONE, len(ONE))) == [ONE]
    with pytest.raises(ValueError, match="no JPEG"):
        parts(part(b"hello", 5) * 40)


def test_after_a_wrong_length_the_next_boundary_is_found() -> None:
    found = parts(part(ONE, len(ONE) - 100) + part(TWO, len(TWO)))
    assert found[1:] == [TWO]


@pytest.mark.parametrize("length", [b"-1", b"9" * 30, b"x", b"", b"100001"])
def test_an_impossible_length_is_refused(length: bytes) -> None:
    with pytest.raises(ValueError, match="a part's length is"):
        parts(b"--frame\r\nContent-Length: " + length + b"\r\n\r\n" + ONE)


@pytest.mark.parametrize("stream", [b"x" * 200_000, b"\n" * 200_000, b"--frame\r\n" + b"a: b\r\n" * 100])
def test_what_never_becomes_a_part_is_given_up(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"no boundary|more than 64 lines"):
        parts(stream)


class Dribble:
    """A stream that never ends and never becomes a picture."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def readline(self, limit: int = -1, /) -> bytes:
        return self._data + b"\r\n"

    def readinto(self, buffer: memoryview, /) -> int:
        buffer[:1] = b"x"
        return 1

    def read1(self, n: int = -1, /) -> bytes:
        return self._data


@pytest.mark.parametrize("data", [b"", b"--frame", b"x"])
def test_a_stream_of_which_no_picture_comes_is_given_up(data: bytes) -> None:
    with pytest.raises((TimeoutError, ValueError)):
        MultipartJpegs(Dribble(data), 1 << 40, timeout_s=0.05).next()


@pytest.mark.parametrize(("asked", "lets_in"), [("https", True), ("http", False)])
def test_a_password_for_https_is_never_said_in_clear_text(asked: str, lets_in: bool) -> None:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, "https://cam/", "me", "secret")
    login, given = _Login(passwords, "https"), []

    class Director(urllib.request.OpenerDirector):
        def open(self, fullurl, data=None, timeout=None):  # type: ignore[no-untyped-def, override]
            given.append(fullurl.get_header("Authorization"))

    login.add_parent(Director())
    refusal = Message()
    refusal["WWW-Authenticate"] = 'Basic realm="cam"'
    request = urllib.request.Request(f"{asked}://cam/picture")
    request.timeout = 1.0  # type: ignore[attr-defined]
    login.http_error_401(request, io.BytesIO(), 401, "who are you", refusal)
    assert bool(given) == lets_in


@pytest.mark.parametrize("form", ["lengths", "bare", "chunked", "untold"])
@pytest.mark.parametrize("path", ["camera", "moved"])
def test_a_camera_is_read_without_ffmpeg(form: Form, path: str) -> None:
    with (
        MjpegCamera("red", form=form) as camera,
        contextlib.closing(opened(camera.address.replace("camera", path))) as reader,
    ):
        pictures = [reader.read() for _ in range(4)]
    assert isinstance(reader, MjpegReader)
    for picture in pictures:
        assert picture is not None
        assert np.abs(picture.pixels.mean(axis=(0, 1)) - BGR["red"]).max() < 6


@pytest.mark.parametrize("digest", [False, True])
def test_a_login_is_given_once_and_a_wrong_one_not_again(digest: bool) -> None:
    with MjpegCamera("red", login="me:p@ss", digest=digest) as camera:
        with contextlib.closing(opened(camera.address.replace("//", "//me:p%40ss@"))) as reader:
            assert reader.read()
            assert isinstance(reader, MjpegReader)
        assert camera.tried == 1
        for login in ("", "me:sesame@", "you:p%40ss@"):
            camera.tried = 0
            with pytest.raises(CameraUnavailableError, match="HTTP 401") as refused:
                opened(camera.address.replace("//", f"//{login}"))
            assert "sesame" not in str(refused.value)
            assert camera.tried == bool(login)


def test_a_certificate_that_nobody_vouches_for_is_left_to_ffmpeg_from_then_on(tmp_path: Path) -> None:
    unknown = MjpegCamera("red")
    unknown.encrypt(make_certificates(tmp_path))
    with unknown as camera:
        open_it = make_opener(parse_source(camera.address))
        for _ in range(2):
            camera.asked = 0
            with contextlib.closing(open_it()) as reader:
                assert isinstance(reader, VideoReader)
                assert reader.read()
            assert camera.asked == 1


def test_settings_for_ffmpeg_are_settings_for_http_cameras_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FFMPEG_OPTIONS_VARIABLE, "rtsp_transport;udp")
    with MjpegCamera("red") as camera, contextlib.closing(opened(camera.address)) as reader:
        assert isinstance(reader, VideoReader)


def test_a_few_damaged_pictures_are_forgiven_and_many_are_a_loss() -> None:
    with MjpegCamera("red") as camera, contextlib.closing(opened(camera.address)) as reader:
        reader.read()
        camera.broken = True
        with pytest.raises(CameraUnavailableError, match="is lost: 30 broken pictures"):
            reader.read()


def test_pictures_that_never_could_be_decoded_are_left_to_ffmpeg() -> None:
    with MjpegCamera("red") as camera:
        open_it = make_opener(parse_source(camera.address))
        camera.broken = True
        with (
            contextlib.closing(open_it()) as reader,
            pytest.raises(CameraUnavailableError, match="can't open"),
        ):
            reader.read()
        camera.broken = False
        with contextlib.closing(open_it()) as reader:
            assert isinstance(reader, VideoReader)
            assert reader.read()


def test_a_server_that_goes_is_a_loss() -> None:
    with MjpegCamera("red") as camera:
        reader = opened(camera.address)
        assert reader.read()
    with contextlib.closing(reader), pytest.raises(CameraUnavailableError, match="is lost"):
        read_to_the_end(reader)


def test_only_what_is_due_is_decoded_and_everything_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    monkeypatch.setattr(
        decoding, "decode_image", lambda *a, **k: decoded.append(1) or preprocess.decode(*a, **k)
    )
    inbox = Inbox()
    with MjpegCamera("red") as camera:
        capture = LiveCapture("cam", make_opener(parse_source(camera.address)), inbox, CaptureOptions(fps=4))
        capture.start()
        try:
            frames = [inbox.take(5) for _ in range(4)]
        finally:
            capture.ask_to_stop()
            capture.join()
    indices = [frame.index for frame in frames if frame]
    assert len(indices) == 4
    assert indices == sorted(set(indices))
    assert indices[-1] >= 9  # of 20 a second every fifth
    assert capture.status.frames_in > indices[-1]
    assert len(decoded) == capture.status.frames_in - capture.status.skipped <= 6


def test_large_pictures_are_decoded_small_where_that_was_asked_for() -> None:
    with MjpegCamera("red") as camera:
        camera.show("red", 642, 480)
        with contextlib.closing(opened(camera.address)) as reader:
            assert isinstance(reader, GrabbingReader)
            shapes = []
            for factor in (1, 2, 4, 8):
                reader.grab()
                asked: list[tuple[int, int]] = []
                picture = reader.retrieve(lambda *size: asked.append(size) or factor)  # noqa: B023
                assert asked == [(642, 480)]
                assert picture is not None
                shapes.append(picture.pixels.shape[:2])
    assert shapes == [(480, 642), (240, 321), (120, 161), (60, 81)]
