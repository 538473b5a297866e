"""Doctor on the systemd service, with a systemctl and a journalctl that answer as the test wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.commands.doctor.areas import service
from edge.commands.doctor.finding import Finding, Grade
from edge.commands.doctor.system.user import user_name
from tests.support.agents.stand_in import StandIns

RUNS = {
    "Id": "edge-agent.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "ExecMainStatus": "0",
    "NRestarts": "0",
    "User": "edge-agent",
    "StateDirectory": "edge-agent",
}
JOURNAL = """the agent starts
error: the configuration is invalid: line 3: brokr: unknown key; deploy/agent.example.toml lists the keys
edge-agent.service: Main process exited, code=exited, status=78/CONFIG
edge-agent.service: Failed with result 'exit-code'.
Failed to start edge-agent.service - Edge agent: labels from cameras over MQTT.
"""


def machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, journal: str = "", **changes: str
) -> list[service.Service]:
    programs = StandIns(folder / "bin")
    said = "".join(f"{key}={value}\n" for key, value in {**RUNS, **changes}.items())
    programs.add("systemctl", {"show": said, "list-units": ""})
    programs.add("journalctl", {"*": journal})
    monkeypatch.setenv("PATH", programs.path)
    return service.look()


def judged(services: list[service.Service]) -> Finding:
    (finding,) = map(service.judge, services)
    assert finding.part == "service edge-agent"
    return finding


def test_a_service_that_runs_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = machine(tmp_path, monkeypatch, JOURNAL)
    finding = judged(services)
    assert (finding.grade, finding.detail) == (Grade.OK, "it runs as edge-agent, and is started at boot")
    assert services[0].state_folder == Path("/var/lib/edge-agent")


def test_a_failed_one_is_told_with_its_code_and_the_last_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "ExecMainStatus": "78"}
    finding = judged(machine(tmp_path, monkeypatch, JOURNAL, **state))
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 1)
    assert "code 78 (a wrong configuration or model)" in finding.detail
    assert "line 3: brokr: unknown key" in finding.detail
    assert finding.remedy.endswith("journalctl -u edge-agent -n 50")


@pytest.mark.parametrize(
    ("state", "grade", "detail", "remedy"),
    [
        ({"ActiveState": "inactive"}, Grade.WARN, "stopped", "systemctl start edge-agent"),
        (
            {"ActiveState": "inactive", "UnitFileState": "disabled"},
            Grade.WARN,
            "stopped, and not started at boot",
            "systemctl enable --now edge-agent",
        ),
        ({"UnitFileState": "disabled"}, Grade.WARN, "not started at boot", "systemctl enable edge-agent"),
        ({"NRestarts": "3"}, Grade.WARN, "restarted 3 times", "journalctl -u edge-agent -n 50"),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "Result": "watchdog"},
            Grade.FAIL,
            "the watchdog: it made no progress, and is started again and again",
            "journalctl -u edge-agent -n 50",
        ),
        ({"ActiveState": "activating", "SubState": "start"}, Grade.WARN, "it is starting", "journalctl"),
    ],
)
def test_each_state_is_told_with_the_command_that_changes_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: dict[str, str],
    grade: Grade,
    detail: str,
    remedy: str,
) -> None:
    finding = judged(machine(tmp_path, monkeypatch, **state))
    assert (finding.grade, finding.exit_code) == (grade, int(grade is Grade.FAIL))
    assert detail in finding.detail
    assert remedy in finding.remedy


@pytest.mark.parametrize(("plain", "count"), [("enabled", 2), ("disabled", 1)])
def test_one_for_a_camera_is_found_beside_the_plain_one_if_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: str, count: int
) -> None:
    programs = StandIns(tmp_path / "bin")
    format_finding = {
        "edge-agent.service": {**RUNS, "ActiveState": "inactive", "UnitFileState": plain},
        "edge-agent@front.service": {**RUNS, "Id": "edge-agent@front.service"},
    }
    for name, said in format_finding.items():
        (tmp_path / name).write_text("".join(f"{key}={value}\n" for key, value in said.items()))
    program = tmp_path / "bin" / "systemctl"
    listed = "echo edge-agent@front.service loaded active running Edge agent"
    program.write_text(f'#!/bin/sh\nif [ "$1" = show ]; then cat "{tmp_path}/$2"; else {listed}; fi\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", programs.path)
    services = service.look()
    assert len(services) == count
    assert services[-1].name == "edge-agent@front"


def test_another_user_than_the_services_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (finding,) = service.judge_user(machine(tmp_path, monkeypatch))
    assert (finding.part, finding.grade) == ("user", Grade.WARN)
    assert finding.remedy.startswith("sudo -u edge-agent ")
    assert service.judge_user([service.Service({"User": user_name()})]) == []


def test_a_machine_without_the_service_or_without_systemd_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine(tmp_path, monkeypatch, LoadState="not-found") == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert service.look() == []
