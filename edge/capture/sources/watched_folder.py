"""`watch://folder`: a folder that somebody else writes pictures into, as a live source.

The folder is polled: events of the file system need a library, and network shares send none. Files that were
there before the start are ignored. Of several new pictures the newest wins; one that is not complete is tried
again when it has changed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from edge.capture.sources.address import Source
from edge.capture.sources.jpeg.framing import is_complete
from edge.capture.sources.reader import CameraSource, Picture
from edge.errors import CameraUnavailableError, ImageError, UsageError
from edge.preprocess import IMAGE_SUFFIXES, Image, decode

log = logging.getLogger(__name__)

# A file must be the same in two scans, so a picture is delivered within about half a second.
POLL_S = 0.2
# Each scan asks for the time of every file: with more, scanning takes longer than POLL_S.
MAX_FILES = 20_000
# No camera's picture is larger; a video that was renamed to .jpg must not fill the memory.
MAX_BYTES = 64 << 20
# Renames and late times come within moments of the picture, and no camera writes 256 of them meanwhile.
KEPT_DELIVERIES = 256
# Network shares round times to 2 s (FAT) or set them when the file is closed.
LATE_TIME_NS = 2_000_000_000


class Stamp(NamedTuple):
    """Tells one state of a file from another; the time of its content comes first, so that stamps sort."""

    modified_ns: int
    inode: int
    size: int


class WatchedFolder(CameraSource):
    """What is known of the folder. It outlives its readers, so each picture is delivered only once."""

    # A small computer decodes a large photograph for seconds.
    silence_s = 10.0

    def __init__(self, source: Source) -> None:
        """Raises UsageError where the address names no folder."""
        if not source.place:
            what = "can't use the camera watch://"
            raise UsageError(what, "it names no folder", "write watch:///path/to/folder")
        self.folder = Path(source.place)
        self._lock = threading.Lock()
        self._known: dict[str, Stamp] | None = None
        self._unsettled: dict[str, Stamp] = {}
        self._delivered: OrderedDict[int, tuple[int, bytes]] = OrderedDict()

    def open(self) -> WatchingReader:
        """A reader of it; raises CameraUnavailableError while the folder is not there."""
        with self._lock:
            stamps = self._scan()
            self._known = stamps if self._known is None else self._known
        return WatchingReader(self)

    def is_reachable(self) -> bool:
        """True if the folder is there."""
        return self.folder.is_dir()

    def take_newest(self) -> Image | None:
        """The newest picture that is new and complete, or None; raises CameraUnavailableError."""
        with self._lock:
            stamps = self._scan()
            known = stamps if self._known is None else self._known
            self._known = {name: stamp for name, stamp in known.items() if name in stamps}
            changed = {name: stamp for name, stamp in stamps.items() if self._known.get(name) != stamp}
            # Two scans must find the same: a file that is being written changes between them.
            settled = [name for name, stamp in changed.items() if self._unsettled.get(name) == stamp]
            self._unsettled = changed
            newest_first = sorted(settled, key=lambda name: changed[name], reverse=True)
            return self._take_first_complete({name: changed[name] for name in newest_first}, self._known)

    def _take_first_complete(self, new: dict[str, Stamp], known: dict[str, Stamp]) -> Image | None:
        """The first of the new files that is a complete picture; the older ones after it count as known."""
        for name, stamp in new.items():
            known[name] = stamp
            image = self._read_picture(name, stamp)
            if image is not None:
                known |= new
                return image
        return None

    def _scan(self) -> dict[str, Stamp]:
        stamps: dict[str, Stamp] = {}
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if len(stamps) > MAX_FILES:
                        break
                    if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith("."):
                        self._stamp(entry, stamps)
        except OSError as error:
            what = f"can't watch the folder {self.folder}"
            raise CameraUnavailableError(what, error.strerror or str(error), "is it there?") from error
        if len(stamps) > MAX_FILES:
            why = f"it holds more than {MAX_FILES} pictures"
            raise CameraUnavailableError(f"can't watch the folder {self.folder}", why, "move old ones away")
        return stamps

    def _stamp(self, entry: os.DirEntry[str], stamps: dict[str, Stamp]) -> None:
        try:
            status = entry.stat()
        except FileNotFoundError:
            return
        stamps[entry.name] = _make_stamp(status)

    def _read_picture(self, name: str, stamp: Stamp) -> Image | None:
        path = self.folder / name
        if stamp.size > MAX_BYTES:
            log.warning("%s is ignored: it is larger than %d MiB", path, MAX_BYTES >> 20)
            return None
        try:
            with path.open("rb") as file:
                data = file.read()
                was_changed = _make_stamp(os.fstat(file.fileno())) != stamp
        except OSError:
            return None
        if was_changed or not is_complete(data) or self._was_delivered(stamp, data):
            return None
        try:
            return decode(data, str(path))
        except ImageError as error:
            log.warning("%s", error)
            return None

    def _was_delivered(self, stamp: Stamp, data: bytes) -> bool:
        """True for a picture that was only renamed, or whose time was changed after it was written.

        rsync and cp -p set an older time, some network shares a slightly newer one.
        """
        digest = hashlib.blake2b(data, digest_size=16).digest()
        before = self._delivered.get(stamp.inode)
        if before is not None and before[1] == digest and stamp.modified_ns <= before[0] + LATE_TIME_NS:
            return True
        self._delivered[stamp.inode] = (stamp.modified_ns, digest)
        self._delivered.move_to_end(stamp.inode)
        if len(self._delivered) > KEPT_DELIVERIES:
            self._delivered.popitem(last=False)
        return False


def _make_stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_ino, status.st_size)


class WatchingReader:
    """Scans the folder a few times a second."""

    def __init__(self, folder: WatchedFolder) -> None:
        self._folder = folder
        self._due_s = time.monotonic()

    def read(self) -> Picture | None:
        """The newest new picture, or None after a scan without any; raises CameraUnavailableError."""
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        image = self._folder.take_newest()
        self._due_s = time.monotonic() + POLL_S
        return Picture(image) if image is not None else None

    def close(self) -> None:
        """Nothing is held open."""
