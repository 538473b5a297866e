"""The public command line: what scripts and service files rely on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.commands.settings import config_file
from edge.defaults import usual_config_files
from edge.distribution import install_hint

ROOT = Path(__file__).parents[2]
MODEL = {"--model", "--labels", "--mean", "--std", "--fit", "--config", "--runtime", "--debug", "--help"}
CHANGE = {"--store", "--watch", "--unit", "--config", "--runtime", "--debug", "--help"}
OPTIONS = {
    "": MODEL
    | {"--camera", "--broker", "--device-id", "--topic-prefix", "--fps", "--threads", "--min-confidence"}
    | {"--frames", "--duration", "--stdout", "--scores", "--max-frame-age", "--start-after"}
    | {"--drain-timeout", "--require-camera", "--require-broker", "--version"}
    | {"--install-completion", "--show-completion"},
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


PLAIN_ENVIRONMENT = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
MODULES = {"edge-agent": "edge", "edge-train": "training"}
RUN_AS = "import sys; sys.argv[0] = {program!r}; from {module}.cli import main; main()"


def run_program(program: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """What a program prints, under its own name as the installed command has it."""
    code = RUN_AS.format(program=program, module=MODULES[program])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=PLAIN_ENVIRONMENT | dict(env or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def help_of(command: str) -> str:
    return run_program("edge-agent", *command.split(), "--help")


@pytest.mark.parametrize("command", OPTIONS)
def test_the_options_are_there(command: str) -> None:
    offered = set(re.findall(r"^\W*(--[a-z0-9-]+)", help_of(command), re.MULTILINE))
    assert offered >= OPTIONS[command]


def test_the_commands_are_there() -> None:
    offered = help_of("")
    for command in OPTIONS:
        assert command.split(" ")[0] in offered


@pytest.mark.parametrize("program", ["edge-agent", "edge-train"])
def test_the_version_names_package_runtime_and_python(program: str) -> None:
    said = run_program(program, "--version").strip()
    python = ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(
        rf"{program} \(edge-camera-agent\) .*(ai-edge-litert|tflite-runtime) [\d.]+.*, Python {python}", said
    )


@pytest.mark.parametrize(
    ("program", "typed", "offered"), [("edge-agent", "insp", "inspect"), ("edge-train", "quan", "quantize")]
)
def test_a_shell_completes_the_commands(program: str, typed: str, offered: str) -> None:
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    asked = {variable: "complete_bash", "COMP_WORDS": f"{program} {typed}", "COMP_CWORD": "1"}
    assert run_program(program, env=asked).split() == [offered]


def test_the_manuals_name_every_option_and_are_sound(tmp_path: Path) -> None:
    words = [sys.executable, "deploy/build_manuals.py", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, env=PLAIN_ENVIRONMENT, check=True, timeout=600, capture_output=True)
    page = (tmp_path / "edge-agent.1").read_text().replace("\\-", "-")
    for command, options in OPTIONS.items():
        section = page.split(f"\n.SS {command}\n")[1] if command else page
        section = section.split("\n.SH COMMANDS\n" if not command else "\n.SS ")[0]
        offered = set(re.findall(r"(?<=[ ,])--[a-z0-9-]+", section))
        assert offered >= options - {"--help"}, command
    assert "quantize" in (tmp_path / "edge-train.1").read_text()
    if shutil.which("groff"):
        for name in ("edge-agent.1", "edge-train.1"):
            check = ["groff", "-man", "-ww", "-z", str(tmp_path / name)]
            assert subprocess.run(check, capture_output=True, text=True, check=True).stderr == ""


def test_the_configuration_is_looked_for_here_then_at_the_users_then_at_the_machines() -> None:
    machine = Path("/etc/edge-agent/agent.toml")
    home = {"HOME": "/home/ann"}
    here, user, last = usual_config_files(home)
    assert (here, last) == (Path("agent.toml"), machine)
    assert user == Path("/home/ann/.config/edge-agent/agent.toml")
    chosen = {**home, "XDG_CONFIG_HOME": "/settings"}
    assert usual_config_files(chosen)[1] == Path("/settings/edge-agent/agent.toml")
    assert usual_config_files({**home, "XDG_CONFIG_HOME": "relative"})[1] == user
    assert usual_config_files({}) == (here, machine)


def test_the_users_configuration_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "edge-agent").mkdir()
    file = tmp_path / "edge-agent/agent.toml"
    file.write_text('device_id = "front"\n')
    assert config_file(None) == file
    Path("agent.toml").write_text("")
    assert config_file(None) == Path("agent.toml")
    assert config_file(file) == file


def test_nobody_is_told_to_install_somebody_elses_package() -> None:
    places = [ROOT / name for name in ("README.md", "Makefile", "edge", "training", "deploy", "docs")]
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
    for path in files:
        if path.suffix in {".py", ".md", ".sh", ".toml", ""} and path.is_file():
            assert not re.search(r"pip3? install[^\n]*edge-agent\b(?!/)", path.read_text(errors="replace")), (
                path
            )


def test_an_extra_is_installed_from_the_projects_folder() -> None:
    assert install_hint("training") == "pip install '.[training]' in this project's folder"
