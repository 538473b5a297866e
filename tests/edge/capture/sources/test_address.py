"""The grammar of camera addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.capture.sources.address import (
    default_name,
    extract_credentials,
    parse_source,
    split_name,
    strip_credentials,
)
from edge.errors import UsageError


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("0", "device", "camera0"),
        ("12", "device", "camera12"),
        ("/dev/video0", "device", "video0"),
        ("rtsp://10.0.0.7:554/stream1?a=b", "stream", "10-0-0-7"),
        ("rtsps://Door.local/x", "stream", "door-local"),
        ("http://user:secret@cam/mjpeg", "stream", "cam"),
        ("https://[::1]:8080/mjpeg", "stream", "1"),
        ("usb://HD Pro Webcam", "usb", "hd-pro-webcam"),
        ("usb://", "usb", "usb"),
        ("test://", "test", "test"),
        ("test://?fps=5&gone=1", "test", "test"),
    ],
)
def test_a_live_address(address: str, kind: str, name: str) -> None:
    source = parse_source(address)
    assert (source.kind, source.live, source.address) == (kind, True, address)
    assert default_name(source) == name


def test_files_and_folders_are_recordings(tmp_path: Path) -> None:
    file = tmp_path / "Belt 2 (new).mp4"
    file.touch()
    for path, kind, name in ((file, "file", "belt-2-new"), (tmp_path / "A b", "folder", "a-b")):
        if kind == "folder":
            path.mkdir()
        source = parse_source(str(path))
        assert (source.kind, source.live, default_name(source)) == (kind, False, name)


def test_the_present_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shots").mkdir()
    monkeypatch.chdir(tmp_path / "shots")
    assert default_name(parse_source(".")) == "shots"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("front=0", "front", "0"),
        ("a_b-1=rtsp://h/x?a=b", "a_b-1", "rtsp://h/x?a=b"),
        ("rtsp://h/x?a=b", None, "rtsp://h/x?a=b"),
        ("test://?fps=5", None, "test://?fps=5"),
        ("Front=0", None, "Front=0"),
        ("./front=0", None, "./front=0"),
        ("0", None, "0"),
    ],
)
def test_a_name_before_an_address(text: str, name: str | None, address: str) -> None:
    assert split_name(text) == (name, address)


@pytest.mark.parametrize("address", ["none.mp4", "ftp://host/x", "-1", "rtsp:/host", "csi", "rtsp://[x"])
def test_what_is_no_camera_is_said_so(address: str) -> None:
    with pytest.raises(UsageError, match="can't use the camera"):
        parse_source(address)


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:secret@10.0.0.7/stream",
        "rtsp://admin:sec/ret@10.0.0.7/stream",
        "rtsp://admin:sec#ret@10.0.0.7/stream",
        "rtsp://admin:sec?ret@10.0.0.7/stream",
        "rtsp://admin:sec@ret@10.0.0.7/stream",
        "http://10.0.0.7/stream?password=secret",
        "rtsp://10.0.0.7/stream/user=admin&password=secret&channel=1/0.sdp?real",
    ],
)
def test_credentials_are_never_shown(address: str) -> None:
    shown = strip_credentials(address)
    assert any("sec" in part for part in extract_credentials(address))
    assert "sec" not in shown
    assert "ret" not in shown
    assert "10.0.0.7/stream" in shown


def test_an_unknown_scheme_is_refused_without_its_password() -> None:
    with pytest.raises(UsageError) as refusal:
        parse_source("rtmp://me:secret@host/x")
    assert "secret" not in str(refusal.value)
