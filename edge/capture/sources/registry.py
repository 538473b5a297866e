"""Which reader a source needs, and how to see cheaply whether it is there.

A kind of source brings its own modules, and most agents have one kind: each is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.capture.reachability import is_device_present, is_server_answering
from edge.capture.sources.address import Kind, Source
from edge.capture.sources.reader import Opener as Opener
from edge.capture.sources.reader import Picture as Picture
from edge.capture.sources.reader import Reader as Reader
from edge.capture.sources.video import VideoReader, has_own_options
from edge.errors import UsageError

LARGE_PICTURE_S = 10.0  # a small computer decodes a large photograph for seconds


def opener(source: Source) -> Opener:
    """How to open the source; raises UsageError for options that it does not know."""
    return OPENERS[source.kind](source)


def _device(source: Source) -> Opener:
    return Opener(lambda: VideoReader(source), lambda: is_device_present(source.address))


def _usb(source: Source) -> Opener:
    from edge.capture.sources.v4l2 import find_device, has_device

    def is_reachable() -> bool:
        return has_device(source.place)

    return Opener(lambda: VideoReader(source, str(find_device(source.place))), is_reachable)


def _csi(source: Source) -> Opener:
    from edge.capture.sources.libcamera import SILENCE_S, LibcameraCamera

    # The reader notices silence itself, and can say more of its reason.
    return Opener(LibcameraCamera(source.address).open, silence_s=2 * SILENCE_S)


def _stream(source: Source) -> Opener:
    from edge.capture.sources.network_stream import NetworkStream

    def is_reachable() -> bool:
        return is_server_answering(source.address)

    open_with_ffmpeg = NetworkStream(source).open
    if not source.address.startswith("http") or has_own_options():
        return Opener(open_with_ffmpeg, is_reachable)
    from edge.capture.sources.mjpeg import HttpCamera

    return Opener(HttpCamera(source, open_with_ffmpeg).open, is_reachable)


def _watch(source: Source) -> Opener:
    from edge.capture.sources.watched_folder import WatchedFolder

    if not source.place:
        raise UsageError(
            "can't use the camera watch://", "it names no folder", "write watch:///path/to/folder"
        )
    watched = WatchedFolder(Path(source.place))
    return Opener(watched.open, watched.folder.is_dir, silence_s=LARGE_PICTURE_S)


def _folder(source: Source) -> Opener:
    from edge.capture.sources.folder import FolderReader

    return Opener(lambda: FolderReader(Path(source.address)))


def _test(source: Source) -> Opener:
    from edge.capture.sources.test_pattern import TestPattern

    pattern = TestPattern(source.address)
    return Opener(pattern.open, pattern.is_reachable)


OPENERS: dict[Kind, Callable[[Source], Opener]] = {
    "device": _device,
    "usb": _usb,
    "file": lambda source: Opener(lambda: VideoReader(source)),
    "folder": _folder,
    "csi": _csi,
    "stream": _stream,
    "watch": _watch,
    "test": _test,
}
