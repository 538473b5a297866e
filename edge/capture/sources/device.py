"""Cameras with a device node: by number or path, and `usb://name` by a part of their name."""

from __future__ import annotations

from edge.capture.reachability import is_device_present
from edge.capture.sources.address import Source
from edge.capture.sources.reader import CameraSource
from edge.capture.sources.v4l2 import find_device, has_device
from edge.capture.sources.video import VideoReader


class NumberedDevice(CameraSource):
    """`0`, `/dev/video0`, or a link to one."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def open(self) -> VideoReader:
        """A reader of it; raises CameraUnavailableError."""
        return VideoReader(self._source)

    def is_reachable(self) -> bool:
        """True if its node exists."""
        return is_device_present(self._source.address)


class NamedDevice(CameraSource):
    """`usb://name`; the node is sought at each opening, as a camera may come back under another number."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def open(self) -> VideoReader:
        """A reader of it; raises CameraUnavailableError."""
        return VideoReader(self._source, str(find_device(self._source.place)))

    def is_reachable(self) -> bool:
        """True if one device has that name."""
        return has_device(self._source.place)
