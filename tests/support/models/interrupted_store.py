"""Adds a model to copies of a store, and is stopped before the first, the second … change of the folder.

Run: python -m tests.support.models.interrupted_store STORE MODEL INTO kill|fail. It copies the store to
INTO/1, INTO/2 and so on, and prints how each child ended: killed, FAILED where it was told so, at last 0.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from edge.errors import StorageError
from edge.model.store import ModelStore

CHANGES = {"open", "os.rename", "os.symlink", "os.chmod", "os.remove"}
FAILED = 3


class Interruption:
    """An audit hook: Python tells it of each system call that names a file, before it is made."""

    def __init__(self, folder: Path, number: int, *, kill: bool) -> None:
        self._folder, self._left, self._kill = str(folder), number, kill

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES or not any(str(each).startswith(self._folder) for each in arguments[:2]):
            return
        self._left -= 1
        if self._left == 0 and self._kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def add(folder: Path, data: bytes) -> None:
    """As `edge-agent models add` does it, without the verification."""
    store = ModelStore(folder)
    with store.locked():
        former = [each for each in (store.current, *store.former) if each]
        store.switch(store.put(data, "new", "1"), former)
        store.prune()


def interrupted(folder: Path, data: bytes, number: int, *, kill: bool) -> int:
    """How a child ends that is stopped before its change of that number."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.addaudithook(Interruption(folder, number, kill=kill))
    try:
        add(folder, data)
    except StorageError:
        os._exit(FAILED)
    os._exit(0)


if __name__ == "__main__":
    untouched, model, into = (Path(argument) for argument in sys.argv[1:4])
    for number in count(1):
        folder = into / str(number)
        shutil.copytree(untouched, folder, symlinks=True)
        status = interrupted(folder, model.read_bytes(), number, kill=sys.argv[4] == "kill")
        print(status, flush=True)
        if status == 0:
            break
