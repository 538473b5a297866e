"""A stand-in for rpicam-vid: a program of that name, which writes JPEGs as it is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.cameras.videos import write_picture

PROGRAM = """#!{python}
import os, signal, sys, time
from pathlib import Path

folder = Path(__file__).parent
(folder / "arguments").write_text(" ".join(sys.argv[1:]))
(folder / "pid.new").write_text(str(os.getpid()))
(folder / "pid.new").replace(folder / "pid")
jpeg, mode = (folder / "picture.jpg").read_bytes(), (folder / "mode").read_text()

def put(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()

if mode == "hangs":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "garbage":
    while True:
        put(os.urandom(1 << 12))
if mode == "broken":
    jpeg = jpeg[:2] + b"\\xff\\xda\\x00\\x02" + bytes(100) + jpeg[-2:]
for number in range(10**9):
    if (folder / "mode").read_text() == "dies":
        sys.stderr.write("x" * 5000 + "\\nERROR: *** Camera frontend has timed out! ***\\n")
        sys.exit(255)
    while number == 3 and mode == "hangs":
        time.sleep(60)
    if mode == "chatty":
        sys.stderr.write("#%d (30.00 fps) exp 33251.00 ag 8.00\\n" % number * 100)
        sys.stderr.flush()
    put(jpeg)
    time.sleep(0.02)
"""


class Rpicam:
    """The program in a folder of its own; `path` is a PATH that leads to it, and to Python."""

    def __init__(self, folder: Path, label: str, mode: str = "works", name: str = "rpicam-vid") -> None:
        folder.mkdir()
        self._folder = folder
        self.path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
        write_picture(folder / "picture.jpg", label)
        self.behave(mode)
        program = folder / name
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)

    def behave(self, mode: str) -> None:
        """How it works from its next start on: works, chatty, hangs, garbage, broken; dies: now."""
        (self._folder / "mode").write_text(mode)

    @property
    def arguments(self) -> str:
        """What it was started with last."""
        return (self._folder / "arguments").read_text()

    @property
    def pid(self) -> int:
        """Its process when it was started last."""
        return int((self._folder / "pid").read_text())

    @property
    def runs(self) -> bool:
        """True while that process is there, a zombie included."""
        return Path(f"/proc/{self.pid}").exists()
