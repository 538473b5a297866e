"""What deploy/ ships is what systemd and the agent accept."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from deploy.build_deb import PackageError, build
from edge.config import AgentConfig, BrokerConfig, CameraConfig, NamedRegionConfig
from edge.config_file import load_config
from tests.support.tools import need_program

DEPLOY = Path(__file__).parents[2] / "deploy"
DEBIAN = DEPLOY / "debian"

UNITS = ("edge-agent.service", "edge-agent@.service")


def verified(name: str, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """What systemd says of a unit. It exits 0 on an unknown key: only silence counts."""
    unit = folder / name
    unit.write_text(re.sub("(?m)^(Exec[A-Z][a-z]+)=.*", r"\1=/bin/true", text))
    command = [need_program("systemd-analyze"), "verify", "--man=no", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path, name: str) -> None:
    said = verified(name, tmp_path, (DEBIAN / name).read_text())
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_systemd_would_speak_up_about_a_misspelt_key(tmp_path: Path) -> None:
    unit = (DEBIAN / UNITS[0]).read_text().replace("WatchdogSec=", "WatchdogSecs=")
    assert "WatchdogSecs" in verified(UNITS[0], tmp_path, unit).stderr


def test_the_template_differs_from_the_unit_only_where_instances_must() -> None:
    plain, template = (
        [line for line in (DEBIAN / name).read_text().splitlines() if line and not line.startswith("#")]
        for name in UNITS
    )
    assert [line for line in template if line not in plain] == [
        "Description=Edge agent: labels from the camera %i over MQTT",
        "ExecCondition=/usr/lib/edge-agent/has-model /etc/edge-agent/%i.toml",
        "ExecStart=/usr/bin/edge-agent --config /etc/edge-agent/%i.toml",
        "Environment=EDGE_AGENT_INSTANCE=%i",
        "StateDirectory=edge-agent/cameras/%i",
        "RuntimeDirectory=edge-agent-%i",
    ]
    replaced = [line.split("=")[0] for line in plain if line not in template]
    assert replaced == ["Description", "ExecCondition", "ExecStart", "StateDirectory", "RuntimeDirectory"]


@pytest.mark.parametrize("name", ["deploy.sh", "on-device.sh"])
def test_shellcheck_has_nothing_to_say_about_the_scripts(name: str) -> None:
    said = subprocess.run(
        [need_program("shellcheck"), DEPLOY / name], capture_output=True, text=True, check=False
    )
    assert said.stdout == ""


def test_a_32_bit_device_is_refused(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho aarch64 32 bookworm\n")
    ssh.chmod(0o755)
    settings = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOST": "pi@old"}
    command = [DEPLOY / "deploy.sh"]
    said = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr[:63]) == (
        1,
        "error: can't install on pi@old: its system is 32-bit, and there",
    )


def test_a_target_without_packages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"armv7l-bookworm: .*32-bit ARM.*x86_64-bookworm"):
        build("armv7l-bookworm", tmp_path)
    assert list(tmp_path.iterdir()) == []


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
