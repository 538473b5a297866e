"""What `edge-agent check` checks, in a process of its own: a crash or a hang there is a finding here.

As a program (`python -m edge.commands.doctor.subprocess_check KIND…`) this is that process: the
configuration comes on stdin, so that no password is in a command line, and what it begins and finds goes to
stdout at once.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from edge.commands.doctor.finding import Finding, Grade, failure
from edge.commands.doctor.system.installed import search_path
from edge.commands.doctor.system.user import program

if TYPE_CHECKING:
    from edge.commands.check import checks as check
    from edge.config import AgentConfig

log = logging.getLogger(__name__)

Kind = Literal["model", "cameras", "broker"]
FindingsByKind = dict[Kind, list[Finding]]
MODULE = "edge.commands.doctor.subprocess_check"
# Generous for a slow board that loads packages and model; `check` itself gives a camera 15 s.
START_S, CAMERA_S = 90.0, 20.0


def check_in_subprocess(kinds: Sequence[Kind], config: AgentConfig) -> FindingsByKind:
    """The findings by kind; after one that ends the process the others go on in a new one."""
    found: FindingsByKind = {}
    while left := [kind for kind in kinds if kind not in found]:
        problem = _run_process(left, config, found)
        if problem:
            broken = next((kind for kind in reversed(left) if kind in found), left[0])
            remedy = f"{program()} doctor --debug  # says where"
            found.setdefault(broken, []).append(failure(broken, f"its check {problem}", remedy))
    return found


def _run_process(kinds: Sequence[Kind], config: AgentConfig, found: FindingsByKind) -> str:
    """Fill `found` as far as one process gets; what ended it, empty where that was the end."""
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", MODULE, *kinds]
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
        _collect(error.stdout or b"", found)
        return f"hangs: not done after {timeout_s:g} s"
    _collect(done.stdout, found)
    said = done.stderr.decode("utf-8", "replace").strip()
    log.debug("check of %s: %s", ", ".join(kinds), said)
    if done.returncode < 0:
        return f"crashes ({signal.Signals(-done.returncode).name})"
    lines = said.splitlines() or [f"status {done.returncode}"]
    unfinished = done.returncode != 0 or not found.keys() >= set(kinds)
    return f"breaks off ({lines[-1]})" if unfinished else ""


def _collect(output: bytes, found: FindingsByKind) -> None:
    for line in output.splitlines(keepends=True):
        if line.endswith(b"\n"):
            kind, fields = json.loads(line)
            findings = found.setdefault(kind, [])
            if fields:
                findings.append(Finding(**{**fields, "grade": Grade(fields["grade"])}))


def _examine(kinds: Sequence[str], config: AgentConfig) -> None:
    from edge.capture.sources.schemes import register_sources
    from edge.commands.check import checks as check

    register_sources(config.sources)
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries may print what they like
    checks = {
        "model": check.check_model,
        "cameras": check.check_cameras,
        "broker": check.check_broker,
    }
    for kind in kinds:
        print(json.dumps([kind, None]), file=results, flush=True)
        for found in checks[kind](config):
            print(json.dumps([kind, asdict(_to_finding(found))]), file=results, flush=True)


def _to_finding(found: check.CheckResult) -> Finding:
    error = found.error
    if error is None:
        return Finding(found.part, found.detail)
    detail = f"{error.what}: {error.why}" if error.why else error.what
    return failure(found.part, detail, error.what_to_do, error.exit_code)


if __name__ == "__main__":
    _examine(sys.argv[1:], pickle.loads(sys.stdin.buffer.read()))  # noqa: S301 (our parent's own)
