"""The real `edge-agent` in a terminal of its own, with keys to press and a screen to read."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.agents.command_line import environment
from tests.support.tools import PATIENCE_S, need_program, wait_until


class TerminalAgent:
    """One run whose standard streams are a pseudo-terminal, which is its controlling one: Ctrl-C works."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._ours, self._its = pty.openpty()
        os.set_blocking(self._ours, False)
        self.settings = self.settings_now()
        self._seen = b""
        command = [need_program("setsid"), "--ctty", sys.executable, "-m", "edge", *map(str, arguments)]
        env = environment(folder, {"COLUMNS": "200", "TERM": "xterm"})
        self.process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=self._its, stdout=self._its, stderr=self._its
        )

    def settings_now(self) -> list[Any]:
        """The terminal's settings: echo, cbreak and the like."""
        return termios.tcgetattr(self._its)

    def restore_settings(self) -> None:
        """Do as a shell does when its job is stopped."""
        termios.tcsetattr(self._its, termios.TCSANOW, self.settings)

    @property
    def screen(self) -> str:
        """All that was written so far."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._ours, 65536):
                self._seen += data
        return self._seen.decode()

    def wait_for(self, text: str) -> None:
        """Wait until this was written."""
        wait_until(lambda: text in self.screen, f"{text!r} on the screen")

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def wait(self) -> int:
        """Its exit status."""
        wait_until(lambda: self.screen and self.process.poll() is not None, "the end")
        return self.process.wait(PATIENCE_S)

    def __enter__(self) -> TerminalAgent:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        os.close(self._ours)
        os.close(self._its)
