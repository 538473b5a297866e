"""The nouns of reading: a picture, an opened source, and how a source is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edge.capture.sources.address import Source
from edge.preprocess import Image

Reduction = Callable[[int, int], int]  # of a width and a height: 1, 2, 4 or 8, see preprocess.reduction


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture read: uint8 BGR of shape (height, width, 3); a recording's own position in seconds."""

    pixels: Image
    position_s: float | None = None


class Reader(Protocol):
    """An opened source."""

    def read(self) -> Picture | None:
        """The next picture; None at the end of a recording, or of a live source that has nothing new yet.

        Raises CameraUnavailableError or RecordingError.
        """

    def close(self) -> None:
        """Let go of the device or file."""


@runtime_checkable
class GrabbingReader(Reader, Protocol):
    """An opened live source whose pictures need not be decoded."""

    def grab(self) -> None:
        """Wait for the next picture, in the source's own coding; raises CameraUnavailableError."""

    def retrieve(self, reduction: Reduction | None = None) -> Picture | None:
        """Decode what was grabbed last; None where it is damaged. Raises CameraUnavailableError.

        reduction: how much smaller than it is the picture may be, where that is quicker; None: not at all.
        """


def next_decodable(reader: GrabbingReader) -> Picture:
    """The next picture that is not damaged; raises CameraUnavailableError."""
    while True:
        reader.grab()
        picture = reader.retrieve()
        if picture is not None:
            return picture


class CameraSource:
    """A kind of source; a subclass is made once, with the Source and its settings, and opened many times.

    silence_s: the source counts as lost when it is silent for this long and two intervals more.
    """

    silence_s: float = 1.0

    def __init__(self, source: Source) -> None:
        """Raises UsageError or ValueError for options that make no sense."""

    def open(self) -> Reader:
        """A new reader; raises CameraUnavailableError."""
        raise NotImplementedError

    def is_reachable(self) -> bool:
        """A cheap probe whether opening it has a chance; true where there is no such probe."""
        return True


@dataclass(frozen=True, slots=True)
class Opener:
    """How a source is opened, anew at each call.

    is_reachable: a cheap probe whether opening it has a chance, None where there is no such probe.
    silence_s: the source counts as lost when it is silent for this long and two intervals more.
    """

    open: Callable[[], Reader]
    is_reachable: Callable[[], bool] | None = None
    silence_s: float = 1.0

    def __call__(self) -> Reader:
        """Open it; raises CameraUnavailableError or RecordingError."""
        return self.open()
