"""Which reader a source needs: OpenCV for cameras, streams and videos; folders; test://."""

from __future__ import annotations

from pathlib import Path

from edge.folder import FolderReader as FolderReader
from edge.presence import device_is_there, server_answers
from edge.reading import Opener as Opener
from edge.reading import Picture as Picture
from edge.reading import Reader as Reader
from edge.sources import Source
from edge.test_pattern import TestPattern
from edge.v4l2 import find_device, has_device
from edge.video import VideoReader


def opener(source: Source) -> Opener:
    """How to open the source; raises UsageError for options that it does not know."""
    if source.kind == "test":
        pattern = TestPattern(source.address)
        return Opener(pattern.open, pattern.is_there)
    if source.kind == "folder":
        return Opener(lambda: FolderReader(Path(source.address)))
    if source.kind == "device":
        return Opener(lambda: VideoReader(source), lambda: device_is_there(source.address))
    if source.kind == "usb":
        part = source.address.partition("://")[2]
        return Opener(lambda: VideoReader(source, str(find_device(part))), lambda: has_device(part))
    if source.kind == "stream":
        return Opener(lambda: VideoReader(source), lambda: server_answers(source.address))
    return Opener(lambda: VideoReader(source))
