"""Class folders of photographs on disk, as training reads them: INTO/LABEL/<time stamp>-<number>.jpg.

A photograph is written whole or not at all and never over another one. One that looks like a picture of
the same class is not stored; one that looks like a picture of another class is, and that is said.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2

from edge.commands.collect.similarity import Fingerprint, SimilarPictures, compute_fingerprint, thumbnail
from edge.errors import ImageError, StorageError, UsageError
from edge.preprocess import IMAGE_SUFFIXES, Image, read_image

PictureFormat = Literal["jpg", "png"]

# High enough that training sees next to nothing of the compression.
JPEG_QUALITY = 95
# The model file takes labels of up to 200 characters, Linux file names of up to 255 bytes.
MAX_LABEL_LENGTH, MAX_NAME_BYTES = 200, 255
# Pictures that are compared with, for each class: comparing with more would slow down every frame.
MAX_REMEMBERED = 5000
# Pictures read at the start, of each class and of all others together, so that the start stays short.
MAX_READ = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a photograph.

    path: its file, None where `like` names the picture of the class that it resembles. elsewhere: a picture
    of another class that it resembles, as `class/name`.
    """

    path: Path | None
    like: str | None = None
    elsewhere: str | None = None


class PhotoStore:
    """The folder of class folders. With `compare` off every photograph is stored, whatever it looks like."""

    def __init__(
        self,
        into: Path,
        labels: Sequence[str],
        picture_format: PictureFormat = "jpg",
        *,
        compare: bool = True,
    ) -> None:
        """Raises UsageError for an impossible label, StorageError where nothing can be written."""
        self._into, self._format, self._compare = into, picture_format, compare
        self.labels = tuple(check_label(label) for label in labels)
        if len(set(self.labels)) < len(self.labels):
            raise UsageError("can't collect these labels", "one is named twice", "name each once")
        self._known = {label: SimilarPictures(MAX_REMEMBERED) for label in self.labels}
        for label in self.labels:
            _check_writable(into / label)

    def read(self, step: Callable[[int, int], None], stopped: Callable[[], bool]) -> Iterator[str]:
        """Look at the photographs that are already there; yields notices. step: how many of how many."""
        if not self._compare:
            return
        files: list[Path] = []
        for label in self.labels:
            found = _list_pictures(self._into / label)
            if len(found) > MAX_READ:
                yield f"{label} has {len(found)} photographs: new ones are compared with the last {MAX_READ}"
            files += found[-MAX_READ:]
        others = [path for folder in self._list_other_folders() for path in _list_pictures(folder)]
        if len(others) > MAX_READ:
            yield f"the other classes have {len(others)} photographs: {MAX_READ} of them are compared with"
            others = [others[number * len(others) // MAX_READ] for number in range(MAX_READ)]
        files += others
        for number, path in enumerate(files):
            if stopped():
                return
            step(number, len(files))
            with contextlib.suppress(ImageError):  # training will name it
                known = self._known.setdefault(path.parent.name, SimilarPictures(MAX_REMEMBERED))
                known.add(path.name, compute_fingerprint(thumbnail(read_image(path))))

    def store(self, label: str, image: Image, captured_at: float) -> Stored:
        """Store uint8 BGR of shape (height, width, 3) taken at this UTC time; raises StorageError."""
        if not self._compare:
            return Stored(self._write(label, image, captured_at))
        fingerprint = compute_fingerprint(thumbnail(image))
        like = self._known[label].like(fingerprint)
        if like is not None:
            return Stored(None, like)
        path = self._write(label, image, captured_at)
        self._known[label].add(path.name, fingerprint)
        return Stored(path, elsewhere=self._find_elsewhere(label, fingerprint))

    def _find_elsewhere(self, label: str, fingerprint: Fingerprint) -> str | None:
        for other, known in self._known.items():
            name = known.like(fingerprint) if other != label else None
            if name is not None:
                return f"{other}/{name}"
        return None

    def _list_other_folders(self) -> list[Path]:
        try:
            folders = sorted(path for path in self._into.iterdir() if path.is_dir())
        except OSError:
            return []
        return [path for path in folders if path.name not in self.labels and not path.name.startswith(".")]

    def _write(self, label: str, image: Image, captured_at: float) -> Path:
        data = _encode(image, self._format)
        folder = self._into / label
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(captured_at))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            number = 1
            while not write_new(folder / f"{stamp}-{number:02d}.{self._format}", data):
                number += 1
        except OSError as error:
            with contextlib.suppress(OSError):
                folder.rmdir()  # an empty class folder would only stop the training
            raise _make_storage_error(folder, error.strerror or str(error)) from error
        return folder / f"{stamp}-{number:02d}.{self._format}"


def check_label(label: str) -> str:
    """The label, if it can be the name of a class folder; raises UsageError."""
    what = f"can't collect for the label {label!r}"
    if not label.isprintable() or not label or label != label.strip() or len(label) > MAX_LABEL_LENGTH:
        why = "labels have 1 to 200 characters, none of them a control character, and no outer spaces"
        raise UsageError(what, why, "choose another")
    if "/" in label or label.startswith("."):
        raise UsageError(what, "it becomes a folder's name: no `/`, no dot in front", "choose another")
    if len(label.encode()) > MAX_NAME_BYTES:
        raise UsageError(what, "it becomes a folder's name, and is too long for one", "choose a shorter one")
    return label


def write_new(path: Path, data: bytes) -> bool:
    """Write a new file whole or not at all; false if there is one already. Raises OSError.

    The temporary file beside it is also the lock between two processes that choose the same name.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    if path.exists():
        return False
    try:
        file = temporary.open("xb")
    except FileExistsError:
        return False
    written = False
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            temporary.rename(path)
            written = True
    finally:
        if not written:
            temporary.unlink(missing_ok=True)
    return written


def _encode(image: Image, picture_format: PictureFormat) -> bytes:
    parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if picture_format == "jpg" else []
    encoded, data = cv2.imencode(f".{picture_format}", image, parameters)
    if not encoded:
        raise ImageError("can't encode a picture", f"shape {image.shape}", "use uint8 of (h, w, 3)")
    return data.tobytes()


def _list_pictures(folder: Path) -> list[Path]:
    """The pictures in a folder in the order of their names; none where it can't be read."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    except OSError:
        return []
    return [path for path in found if not path.name.startswith(".")]


def _check_writable(folder: Path) -> None:
    """Before the first photograph; a folder that is not there yet is made only when it gets one."""
    for path in (folder, *folder.absolute().parents):
        if os.path.lexists(path):
            if not path.is_dir():
                raise _make_storage_error(folder, f"{path} is not a folder")
            if not os.access(path, os.W_OK | os.X_OK):
                raise _make_storage_error(folder, f"{path} does not let us write")
            return


def _make_storage_error(folder: Path, why: str) -> StorageError:
    return StorageError(f"can't store photographs in {folder}", why, "make room, or give another --into")
