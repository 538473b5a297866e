"""Stand-ins for programs that this machine lacks, or whose answer a test must choose: scripts on PATH."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path


class StandIns:
    """A folder of programs; `path` is a PATH on which they come first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"

    def add(self, name: str, answers: Mapping[str, str], status: int = 0) -> None:
        """A program that prints the answer whose key is its first argument; the key `*` fits any."""
        cases = "".join(
            f"{key if key == '*' else shlex.quote(key)}) printf %s {shlex.quote(text)};; "
            for key, text in answers.items()
        )
        program = self._folder / name
        program.write_text(f'#!/bin/sh\ncase "$1" in {cases}esac\nexit {status}\n')
        program.chmod(0o755)
