"""What `edge-agent check` examines, each kind in a process of its own: a crash there is a finding here.

As a program (`python -m edge.doctor.apart KIND`) this is that process: the configuration comes on stdin, so
that no password is in a command line, and each finding goes to stdout as soon as it is there.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from edge.doctor.finding import Finding, Grade, failure
from edge.doctor.installed import search_path
from edge.doctor.user import program

if TYPE_CHECKING:
    from edge.config import AgentConfig

log = logging.getLogger(__name__)

Kind = Literal["model", "cameras", "broker"]
START_S, CAMERA_S = 60.0, 20.0


def checked(kind: Kind, config: AgentConfig) -> list[Finding]:
    """The findings of this kind, and one more where the process did not come to its end."""
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", "edge.doctor.apart", kind]
    timeout_s = START_S + CAMERA_S * len(config.camera)
    try:
        done = subprocess.run(
            command,
            input=pickle.dumps(config),
            capture_output=True,
            timeout=timeout_s,
            env=search_path(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        found = _findings(error.stdout or b"")
        return [*found, failure(kind, f"it hangs: not done after {timeout_s:g} s", _debug())]
    found = _findings(done.stdout)
    log.debug("examination of %s: %s", kind, done.stderr.decode("utf-8", "replace"))
    if done.returncode == 0:
        return found
    return [*found, failure(kind, _end(done.returncode, done.stderr), _debug())]


def _findings(lines: bytes) -> list[Finding]:
    read = (json.loads(line) for line in lines.splitlines(keepends=True) if line.endswith(b"\n"))
    return [Finding(**{**fields, "grade": Grade(fields["grade"])}) for fields in read]


def _end(returncode: int, stderr: bytes) -> str:
    if returncode < 0:
        return f"its examination crashes ({signal.Signals(-returncode).name})"
    said = stderr.decode("utf-8", "replace").strip().splitlines()
    return f"its examination breaks off ({said[-1] if said else f'status {returncode}'})"


def _debug() -> str:
    return f"{program()} doctor --debug  # says where"


def _examine(kind: str, config: AgentConfig) -> None:
    from edge import check

    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries may print what they like
    kinds = {
        "model": check.model_findings,
        "cameras": check.camera_findings,
        "broker": check.broker_findings,
    }
    for found in kinds[kind](config):
        if found.error is None:
            finding = Finding(found.part, found.detail)
        else:
            error = found.error
            said = f"{error.what}: {error.why}" if error.why else error.what
            finding = failure(found.part, said, error.what_to_do, error.exit_code)
        print(json.dumps(asdict(finding)), file=results, flush=True)


if __name__ == "__main__":
    _examine(sys.argv[1], pickle.loads(sys.stdin.buffer.read()))  # noqa: S301 (our parent's own)
