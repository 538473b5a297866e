"""What deploy/ ships is what systemd and the agent accept."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edge.config import load_config
from tests.support.tools import need_program

DEPLOY = Path(__file__).parents[2] / "deploy"


def unit_with_a_program_that_exists(folder: Path) -> Path:
    lines = (DEPLOY / "edge-agent.service").read_text().splitlines(keepends=True)
    started = [line if not line.startswith("ExecStart=") else "ExecStart=/bin/true\n" for line in lines]
    unit = folder / "edge-agent.service"
    unit.write_text("".join(started))
    return unit


def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    unit = unit_with_a_program_that_exists(tmp_path)
    # It exits 0 on an unknown key: only silence counts.
    verified = subprocess.run(
        [need_program("systemd-analyze"), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_systemd_would_speak_up_about_a_misspelt_key(tmp_path: Path) -> None:
    unit = unit_with_a_program_that_exists(tmp_path)
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    verified = subprocess.run(
        [need_program("systemd-analyze"), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "WatchdogSecs" in verified.stderr


def test_the_example_configuration_is_valid() -> None:
    config = load_config(DEPLOY / "agent.example.toml", {}, {})
    assert [camera.source for camera in config.camera] == ["0"]


def test_every_setting_in_comments_is_a_real_one(tmp_path: Path) -> None:
    text = (DEPLOY / "agent.example.toml").read_text()
    uncommented = "".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in text.splitlines(keepends=True)
    )
    file = tmp_path / "agent.toml"
    file.write_text(uncommented)
    config = load_config(file, {}, {})
    assert (config.fps, len(config.camera)) == (5, 2)
