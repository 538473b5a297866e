"""The real `edge-agent` as a child process, far from this machine's own configuration and state."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.tools import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[3]
RUNTIME = os.environ.get("EDGE_TEST_RUNTIME", "auto")
WITHOUT_RUNTIME = ("cameras", "collect", "homeassistant", "listen", "models")


class EdgeAgent:
    """One run of the command line; `folder` is its working and its home folder, `prefix` starts it.

    before: Python to run in the process before the command line's own.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        shell_suffix: str = "",
        before: str = "",
        prefix: Sequence[str] = (),
    ) -> None:
        self._out, self._err = folder / "stdout.txt", folder / "stderr.txt"
        start = ["-c", f"{before}import edge.cli; edge.cli.main()"] if before else ["-m", "edge"]
        command = [*prefix, sys.executable, *start, *map(str, arguments)]
        if arguments and arguments[0] not in WITHOUT_RUNTIME and arguments[0] != "--help":
            command += ["--runtime", RUNTIME]
        if shell_suffix:
            command = ["bash", "-o", "pipefail", "-c", f"{shlex.join(command)} {shell_suffix}"]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(folder, env or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._out.read_text()

    @property
    def stderr(self) -> str:
        """What it has logged so far."""
        return self._err.read_text()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON lines that it has printed so far."""
        return [json.loads(line) for line in self.stdout.splitlines(keepends=True) if line.endswith("\n")]

    def wait(self, timeout_s: float = 2 * PATIENCE_S) -> int:
        """Its exit status."""
        return self.process.wait(timeout_s)

    def wait_for_log(self, text: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until it has logged this."""
        wait_until(lambda: text in self.stderr, f"{text!r} in the log", timeout_s)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def __enter__(self) -> EdgeAgent:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)


def edge_agent(folder: Path, *arguments: object, env: Mapping[str, str] | None = None) -> EdgeAgent:
    """Run to the end."""
    agent = EdgeAgent(folder, *arguments, env=env)
    with agent:
        agent.wait()
    return agent


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("EDGE_AGENT_")}
    for name in (
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "CREDENTIALS_DIRECTORY",
        "STATE_DIRECTORY",
        "RUNTIME_DIRECTORY",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
    ):
        inherited.pop(name, None)
    return inherited | {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PYTHONWARNINGS": "error"} | dict(extra)
