"""A disk over NBD that, as real ones do, caches writes until a flush and loses the cache with the power."""

from __future__ import annotations

import os
import random
import shutil
import socketserver
import struct
import threading
from collections.abc import Callable, Sequence
from io import BufferedIOBase
from pathlib import Path
from types import TracebackType

SECTOR = 512
HELLO, OPTION_MAGIC, ANSWER_MAGIC = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
FIXED_NEWSTYLE = 0b11  # and no padding
OPTION_GO, ACKNOWLEDGED, INFO, UNSUPPORTED = 7, 1, 3, 0x80000001
HAS_FLAGS_AND_FLUSH = 0b101
READ, WRITE, LEAVE, FLUSH = 0, 1, 2, 3
REQUEST, REPLY = struct.Struct(">IHHQQI"), struct.Struct(">IIQ")
REPLY_MAGIC = 0x67446698


class Disk:
    """Serves an image file to one machine after the other, on the Unix socket `path`, in a context."""

    def __init__(self, image: Path) -> None:
        self.path = image.with_suffix(".nbd")
        self._image, self._file = image, os.open(image, os.O_RDWR)
        self.size = os.fstat(self._file).st_size
        self._unflushed: list[tuple[int, bytes]] = []  # where, and what was there before
        self._in_use, self._steady = threading.Lock(), threading.Lock()
        self._server = socketserver.UnixStreamServer(str(self.path), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def read(self, offset: int, length: int) -> bytes:
        """What is there, cached or not."""
        return os.pread(self._file, length, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Put data into the cache."""
        with self._steady:
            self._unflushed.append((offset, self.read(offset, len(data))))
            os.pwrite(self._file, data, offset)

    def flush(self) -> None:
        """Empty the cache: what was written is there for good."""
        with self._steady:
            self._unflushed.clear()

    def lose_power(self, chance: random.Random) -> int:
        """Undo each sector's unflushed writes or not: none, all or some; how many writes were at stake.

        To be called when the machine is dead.
        """
        with self._in_use:
            at_stake = _undo(self._file, self._unflushed, chance)
            self.flush()
        return at_stake

    def copy_after_power_cut(self, image: Path, chance: random.Random) -> int:
        """What would be left if the power were cut now, as another image, while the machine goes on.

        Returns how many writes were at stake.
        """
        with self._steady:
            shutil.copyfile(self._image, image)
            unflushed = list(self._unflushed)
        with image.open("r+b") as file:
            return _undo(file.fileno(), unflushed, chance)

    def __enter__(self) -> Disk:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        os.close(self._file)

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        serve, in_use = self._serve, self._in_use

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with in_use:
                    serve(self.rfile, self.wfile)

        return Handler

    def _serve(self, heard: BufferedIOBase, said: BufferedIOBase) -> None:
        try:
            said.write(HELLO + OPTION_MAGIC + struct.pack(">H", FIXED_NEWSTYLE))
            heard.read(4)
            if self._agree(heard, said):
                while self._answer(heard, said):
                    pass
        except OSError:  # the machine was killed
            pass

    def _agree(self, heard: BufferedIOBase, said: BufferedIOBase) -> bool:
        """Refuse every option until it asks to begin; false where it leaves."""
        while len(head := heard.read(16)) == 16:
            option, length = struct.unpack(">8xII", head)
            heard.read(length)
            if option == OPTION_GO:
                said.write(
                    _option_answer(option, INFO, struct.pack(">HQH", 0, self.size, HAS_FLAGS_AND_FLUSH))
                )
                said.write(_option_answer(option, ACKNOWLEDGED))
                return True
            said.write(_option_answer(option, UNSUPPORTED))
        return False

    def _answer(self, heard: BufferedIOBase, said: BufferedIOBase) -> bool:
        """One request; false after the last, and for one that did not come whole."""
        head = heard.read(REQUEST.size)
        if len(head) < REQUEST.size:
            return False
        _magic, _flags, kind, handle, offset, length = REQUEST.unpack(head)
        data = heard.read(length) if kind == WRITE else b""
        if kind == LEAVE or (kind == WRITE and len(data) < length):
            return False
        work: dict[int, Callable[[], bytes | None]] = {
            READ: lambda: self.read(offset, length),
            WRITE: lambda: self.write(offset, data),
            FLUSH: self.flush,
        }
        answer = work[kind]()
        said.write(REPLY.pack(REPLY_MAGIC, 0, handle) + (answer or b""))
        return True


def _undo(file: int, writes: Sequence[tuple[int, bytes]], chance: random.Random) -> int:
    """Put back what was there before, sector by sector: nowhere, everywhere or in half of them."""
    share = chance.choice((0.0, 0.5, 1.0))
    for offset, before in reversed(writes):
        for start in range(0, len(before), SECTOR):
            if chance.random() < share:
                os.pwrite(file, before[start : start + SECTOR], offset + start)
    return len(writes)


def _option_answer(option: int, kind: int, data: bytes = b"") -> bytes:
    return struct.pack(">QIII", ANSWER_MAGIC, option, kind, len(data)) + data
