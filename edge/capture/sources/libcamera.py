"""Raspberry Pi cameras: `csi://0`, through rpicam-vid as a child process that writes JPEGs to a pipe."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from edge.capture.sources.address import Source
from edge.capture.sources.jpeg.decoding import JpegDecoder
from edge.capture.sources.jpeg.framing import JpegSplitter
from edge.capture.sources.reader import CameraSource, Picture, Reduction, next_decodable
from edge.errors import CameraUnavailableError, ImageError, UsageError

PROGRAMS = ("rpicam-vid", "libcamera-vid")
USAGE = "write csi://0, or csi://0?size=1280x720&fps=30"
# A pipe holds 64 KiB on Linux. After 64 full pipes a picture is delivered, even if more bytes are there.
CHUNK_BYTES, MAX_CHUNKS = 1 << 16, 64
# The program says why it failed in its last lines; an error message quotes about four of them.
KEPT_STDERR_BYTES, MAX_QUOTED = 2000, 300
# The program must start and adjust the exposure. Shorter than OPEN_LIMIT_S: our message quotes the program.
FIRST_PICTURE_S = 7.0
# Granted beyond two intervals of the camera's rate, as for any camera.
SILENCE_S = 1.0
# The program ends at once when it is asked; a driver that hangs does not, and then the program is killed.
END_TIMEOUT_S = 1.0
# Above what any camera does; larger numbers are typing errors.
MAX_SIDE_PX, MAX_FPS = 8192, 1000.0


class LibcameraCamera(CameraSource):
    """One camera by its number, with the size and rate asked for."""

    # The reader notices silence itself, and can say more of its reason.
    silence_s = 2 * SILENCE_S

    def __init__(self, source: Source) -> None:
        """Raises UsageError for an address that makes no sense."""
        self.address = address = source.address
        options = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        number = urlsplit(address).netloc or "0"
        size, fps = options.pop("size", "1280x720"), options.pop("fps", "30")
        sides = re.fullmatch(r"(\d{2,4})x(\d{2,4})", size)
        good_fps = re.fullmatch(r"\d{1,4}(\.\d{1,3})?", fps) and 0 < float(fps) <= MAX_FPS
        good_size = sides and max(int(sides[1]), int(sides[2])) <= MAX_SIDE_PX
        if options or not (number.isdecimal() and len(number) < 3 and good_size and good_fps and sides):
            raise UsageError(f"can't use the camera {address}", "unknown or impossible option", USAGE)
        self.fps = float(fps)
        self.options = ["--camera", number, "--width", sides[1], "--height", sides[2], "--framerate", fps]
        self.options += ["--codec", "mjpeg", "--flush", "--output", "-", "--timeout", "0", "--nopreview"]

    def open(self) -> LibcameraReader:
        """Start the program; raises CameraUnavailableError where there is none."""
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        what = f"can't open the camera {self.address}"
        if program is None:
            why = f"neither {PROGRAMS[0]} nor {PROGRAMS[1]} is installed"
            raise CameraUnavailableError(what, why, "install rpicam-apps (Raspberry Pi OS has them)")
        try:
            return LibcameraReader([program, *self.options], self.address, SILENCE_S + 2 / self.fps)
        except OSError as error:
            why = f"{program} can't be started: {error.strerror}"
            raise CameraUnavailableError(what, why, "is it installed completely?") from error


class LibcameraReader:
    """The running program, and the newest of the pictures that it has written."""

    def __init__(
        self, command: list[str], shown: str, silence_s: float, first_picture_s: float = FIRST_PICTURE_S
    ) -> None:
        """It counts as hanging when its first picture takes first_picture_s, or a later one silence_s."""
        self._shown, self._silence_s, self._first_picture_s = shown, silence_s, first_picture_s
        self._program = os.path.basename(command[0])  # noqa: PTH119 (a name, not a path to work with)
        self._splitter = JpegSplitter()
        self._stderr = b""
        self._decoder, self._pictures = JpegDecoder(), 0
        self._jpeg = b""
        self._child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self._selector = selectors.DefaultSelector()
        for pipe in filter(None, (self._child.stdout, self._child.stderr)):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ)

    def grab(self) -> None:
        """Wait for the newest JPEG; raises CameraUnavailableError where the program dies or hangs."""
        deadline_s = time.monotonic() + (self._silence_s if self._pictures else self._first_picture_s)
        while not (jpegs := self._read_jpegs(deadline_s)):
            if time.monotonic() > deadline_s:
                raise self._make_error("no picture in time")
        self._jpeg = jpegs[-1]

    def retrieve(self, reduction: Reduction | None = None) -> Picture | None:
        """Decode the JPEG; None where it is damaged. Raises CameraUnavailableError where all are."""
        try:
            picture = self._decoder.decode(self._jpeg, reduction)
        except ImageError as error:
            raise self._make_error(error.why) from error
        self._pictures += picture is not None
        return picture

    def read(self) -> Picture:
        """The next picture; raises CameraUnavailableError."""
        return next_decodable(self)

    def close(self) -> None:
        """End the program, by force if it does not end, and reap it."""
        self._selector.close()
        self._child.terminate()
        try:
            self._child.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pipe in filter(None, (self._child.stdout, self._child.stderr)):
            pipe.close()

    def _read_jpegs(self, deadline_s: float) -> list[bytes]:
        """The JPEGs that became complete; none after the deadline."""
        found: list[bytes] = []
        for key, _ in self._selector.select(max(0.0, deadline_s - time.monotonic())):
            for data in _read_available(key.fd):
                if not data:
                    self._selector.unregister(key.fileobj)
                if key.fileobj is self._child.stderr:
                    self._stderr = (self._stderr + data)[-KEPT_STDERR_BYTES:]
                elif not data:
                    raise self._make_error("it ended")
                else:
                    found = self._split(data) or found  # newer ones are enough
        return found

    def _split(self, data: bytes) -> list[bytes]:
        try:
            return self._splitter.feed(data)
        except ValueError as error:
            raise self._make_error(f"it writes no pictures, {error}") from error

    def _make_error(self, why: str) -> CameraUnavailableError:
        if self._child.stderr is not None and not self._child.stderr.closed:
            with contextlib.suppress(OSError):
                self._stderr += os.read(self._child.stderr.fileno(), CHUNK_BYTES)
        lines = self._stderr[-KEPT_STDERR_BYTES:].decode("utf-8", "replace").split("\n")
        said = " / ".join(line.strip() for line in lines[-4:] if line.strip())[-MAX_QUOTED:]
        reason = f"{self._program}: {why}{f' ({said})' if said else ''}"
        if self._pictures:
            return CameraUnavailableError(f"the camera {self._shown} is lost", reason)
        return CameraUnavailableError(f"can't open the camera {self._shown}", reason, "is it connected?")


def _read_available(descriptor: int) -> Iterator[bytes]:
    """Read what is there without waiting, in pieces; an empty piece is the end."""
    for _ in range(MAX_CHUNKS):
        try:
            data = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return
        yield data
        if not data:
            return
