"""A folder of images as a recording."""

from __future__ import annotations

import logging
from pathlib import Path

from edge.capture.sources.address import Source
from edge.capture.sources.reader import CameraSource, Picture
from edge.errors import ImageError, RecordingError
from edge.preprocess import IMAGE_SUFFIXES, read_image

log = logging.getLogger(__name__)

# Photographs have no rate of their own; one a second lets hold and window in seconds mean something.
FOLDER_FPS = 1.0


class ImageFolder(CameraSource):
    """A folder of images."""

    def __init__(self, source: Source) -> None:
        self._folder = Path(source.address)

    def open(self) -> FolderReader:
        """A reader of it; raises RecordingError where it holds no images."""
        return FolderReader(self._folder)


class FolderReader:
    """The images of a folder in the order of their names, as a recording of one a second."""

    def __init__(self, folder: Path) -> None:
        """Raises RecordingError where the folder holds no images."""
        self._paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        self._folder, self._next, self._delivered = folder, 0, 0
        if not self._paths:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise RecordingError(f"can't read the folder {folder}", "it holds no images", f"put in {kinds}")

    def read(self) -> Picture | None:
        """The next picture; one that can't be decoded is named in the log and passed over."""
        while self._next < len(self._paths):
            index, self._next = self._next, self._next + 1
            try:
                picture = Picture(read_image(self._paths[index]), index / FOLDER_FPS)
            except ImageError as error:
                log.warning("%s", error)
            else:
                self._delivered += 1
                return picture
        if not self._delivered:
            why = "none of its images can be decoded"
            raise RecordingError(f"can't read the folder {self._folder}", why, "replace them")
        return None

    def close(self) -> None:
        """Nothing is held open."""
