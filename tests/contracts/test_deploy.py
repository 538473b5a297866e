"""What deploy/ ships is what systemd and the agent accept."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

from pydantic import BaseModel

from edge.config import AgentConfig, BrokerConfig, CameraConfig, NamedRegionConfig, load_config
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
    file = tmp_path / "agent.toml"
    file.write_text(uncommented_example())
    config = load_config(file, {}, {})
    assert (config.fps, len(config.camera)) == (5, 2)


def test_every_setting_is_in_the_example() -> None:
    shown = tomllib.loads(uncommented_example())
    of_cameras = set().union(*shown["camera"])
    of_regions = set().union(*(region for camera in shown["camera"] for region in camera.get("region", ())))
    found = {AgentConfig: set(shown), CameraConfig: of_cameras, NamedRegionConfig: of_regions | of_cameras}
    for name, field in AgentConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[field.annotation] = set(shown[name])
    assert BrokerConfig in found
    missing = {
        f"{kind.__name__}.{key}" for kind, keys in found.items() for key in kind.model_fields.keys() - keys
    }
    assert missing == set()


def uncommented_example() -> str:
    lines = (DEPLOY / "agent.example.toml").read_text().splitlines(keepends=True)
    return "".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in lines
    )
