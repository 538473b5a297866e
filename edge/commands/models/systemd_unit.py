"""A systemd unit from outside: start it again, and see how it is, through systemctl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from edge.errors import UpdateError

PROPERTIES = ("LoadState", "ActiveState", "Result", "ExecMainStatus", "NRestarts", "RuntimeDirectory")
RUNTIME = Path("/run")
WITHOUT = "leave out --watch"
# Longer than TimeoutStopSec and TimeoutStartSec of our unit together.
TIMEOUT_S = 150.0


@dataclass(frozen=True, slots=True)
class UnitState:
    """known: systemd has loaded the unit. active, result: in its own words, result with the exit status.

    restarts: by itself, since somebody last started it. runtime_folder: None where it has none.
    """

    known: bool
    active: str
    result: str
    restarts: int
    runtime_folder: Path | None


class Unit:
    """One unit of the system's manager."""

    def __init__(self, name: str) -> None:
        self.name = name

    def restart(self) -> str | None:
        """Start it again and wait until it is ready; what went wrong, or None. Raises UpdateError."""
        done = self._systemctl("restart")
        if done.returncode == 0:
            return None
        state = self.state()
        return f"{self.name} did not start ({state.active}, {state.result}); see journalctl -u {self.name}"

    def state(self) -> UnitState:
        """How it is now; raises UpdateError where systemd can't be asked."""
        done = self._systemctl("show", f"--property={','.join(PROPERTIES)}")
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["it gave no reason"])[0]
            raise UpdateError(f"can't ask systemd about {self.name}", why, WITHOUT)
        said = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
        folder = said.get("RuntimeDirectory", "").split(" ")[0]
        return UnitState(
            known=said.get("LoadState") == "loaded",
            active=said.get("ActiveState", ""),
            result=f"{said.get('Result', '')} {said.get('ExecMainStatus', '')}".strip(),
            restarts=int(said.get("NRestarts") or 0),
            runtime_folder=RUNTIME / folder if folder else None,
        )

    def _systemctl(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = ["systemctl", verb, *options, "--", self.name]
        what = f"can't ask systemd about {self.name}"
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except OSError as error:
            raise UpdateError(what, f"systemctl: {error.strerror}", WITHOUT) from error
        except subprocess.TimeoutExpired as error:
            raise UpdateError(what, f"systemctl was not done after {TIMEOUT_S:g} s", WITHOUT) from error
