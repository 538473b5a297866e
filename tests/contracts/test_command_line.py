"""The public command line: what scripts and service files rely on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = {"--model", "--labels", "--mean", "--std", "--fit", "--config", "--runtime", "--debug", "--help"}
CHANGE = {"--store", "--watch", "--unit", "--config", "--runtime", "--debug", "--help"}
OPTIONS = {
    "": MODEL
    | {"--camera", "--broker", "--device-id", "--topic-prefix", "--fps", "--threads", "--min-confidence"}
    | {"--frames", "--duration", "--stdout", "--scores", "--max-frame-age", "--start-after"}
    | {"--drain-timeout", "--require-camera", "--require-broker"},
    "check": MODEL | {"--camera", "--broker"},
    "doctor": MODEL | {"--camera", "--broker", "--crop", "--rotate", "--flip", "--json"},
    "classify": MODEL | {"--min-confidence", "--json"},
    "inspect": {"--labels", "--config", "--runtime", "--json", "--debug", "--help"},
    "bench": MODEL | {"--camera", "--frames", "--threads", "--json", "--plot", "--tune"},
    "collect": {"--camera", "--label", "--into", "--every", "--motion", "--motion-threshold", "--count"}
    | {"--duration", "--format", "--keep-duplicates", "--config", "--require-camera", "--debug", "--help"},
    "models": {"--store", "--config", "--json", "--debug", "--help"},
    "models add": CHANGE | {"--sha256"},
    "models use": CHANGE,
    "models rollback": CHANGE,
    "listen": {"--broker", "--config", "--topic-prefix", "--json", "--debug", "--help"},
}


def help_of(command: str) -> str:
    words = [sys.executable, "-m", "edge", *command.split(), "--help"]
    env = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(
        words, cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=600
    ).stdout


@pytest.mark.parametrize("command", OPTIONS)
def test_the_options_are_there(command: str) -> None:
    offered = set(re.findall(r"^\W*(--[a-z0-9-]+)", help_of(command), re.MULTILINE))
    assert offered >= OPTIONS[command]


def test_the_commands_are_there() -> None:
    offered = help_of("")
    for command in OPTIONS:
        assert command.split(" ")[0] in offered
