"""`edge-agent doctor` as a user types it: all of it at once, and what it makes of a faulty part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.commands.doctor.areas import model
from edge.commands.doctor.diagnosis import Diagnosis
from edge.commands.doctor.finding import Grade
from edge.config import AgentConfig
from edge.errors import ConfigError
from edge.publish.outbox.outbox import Outbox
from tests.support.agents.command_line import EdgeAgent, edge_agent
from tests.support.agents.nobody import as_nobody
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.tools import free_port


def parts(agent: EdgeAgent) -> list[str]:
    """What each line that is none of the indented ones is about."""
    return [line[6:].split(":")[0] for line in agent.stdout.splitlines() if not line.startswith(" ")]


def test_where_all_is_well_every_part_says_so(tmp_path: Path, golden: Path, mosquitto: Mosquitto) -> None:
    options = ("--camera", "test://", "--model", golden, "--broker", mosquitto.url)
    agent = edge_agent(tmp_path, "doctor", *options)
    assert agent.process.returncode == 0, agent.stdout
    expected = ["python", "packages", "config", "model file", "model", "self-test", "camera test", "broker"]
    assert [part for part in parts(agent) if part in expected] == expected
    assert [part for part in parts(agent) if part in ("clock", "disk")] == ["clock", "disk"]
    assert "FAIL" not in agent.stdout
    assert agent.stderr == ""


def test_without_a_configuration_the_machine_is_looked_at(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "doctor", "--json")
    assert agent.process.returncode == 0, agent.stdout
    found = {record["part"]: record for record in agent.records}
    for part in ("model", "broker"):
        assert (found[part]["grade"], "none is named" in found[part]["detail"]) == ("WARN", True)
        assert " doctor --" in found[part]["remedy"]
    assert found["cameras"]["grade"] in ("WARN", "FAIL")
    assert all(record["remedy"] for record in agent.records if record["grade"] != "ok")
    assert found["python"].keys() == {"part", "grade", "detail", "remedy", "exit_code"}


@pytest.mark.parametrize(
    ("change", "code", "failed"),
    [
        ({"--model": "none.tflite"}, 78, ["model file"]),
        ({"--model": "damaged.tflite"}, 78, ["model"]),
        ({"--camera": "/dev/video97"}, 69, ["camera video97"]),
        ({"--camera": "none.mp4"}, 2, ["cameras"]),
        ({"--broker": "closed"}, 69, ["broker"]),
        ({"--camera": "/dev/video97", "--broker": "closed"}, 69, ["camera video97", "broker"]),
    ],
)
def test_what_fails_is_told_with_what_mends_it_and_the_rest_is_looked_at(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto, change: dict[str, str], code: int, failed: list[str]
) -> None:
    content = bytearray(golden.read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "damaged.tflite").write_bytes(content)
    options = {"--camera": "test://", "--model": str(golden), "--broker": mosquitto.url} | change
    if options["--broker"] == "closed":
        options["--broker"] = f"mqtt://127.0.0.1:{free_port()}"
    agent = edge_agent(tmp_path, "doctor", "--json", *(word for pair in options.items() for word in pair))
    assert agent.process.returncode == code, agent.stdout
    records = [record for record in agent.records if record["grade"] == "FAIL"]
    assert [record["part"] for record in records] == failed
    assert all(record["remedy"] for record in records)
    assert {"clock", "disk"} <= {record["part"] for record in agent.records}
    assert agent.stderr == ""


def test_a_store_without_a_model_is_given_one_by_its_own_command(tmp_path: Path) -> None:
    assert model.judge(tmp_path / "models" / "current").remedy.endswith(" models add model.tflite")
    assert model.judge(tmp_path / "none.tflite").remedy.startswith("scp ")


def test_a_wrong_configuration_file_is_told_and_the_machine_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("[brokr]\n")
    agent = edge_agent(tmp_path, "doctor")
    assert agent.process.returncode == 78
    assert "FAIL  config: the configuration agent.toml is invalid: line 1: brokr: unknown key" in agent.stdout
    assert {"python", "clock", "disk"} <= set(parts(agent))


def test_a_command_line_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "doctor", "--crop", "0,0,1,1")
    assert agent.process.returncode == 2
    assert agent.stderr.startswith("error: can't use --crop here")


def test_an_examination_that_breaks_off_is_a_finding_and_no_traceback(tmp_path: Path) -> None:
    before = "import edge.commands.doctor.areas.clock; edge.commands.doctor.areas.clock.WRITTEN = None; "
    with EdgeAgent(tmp_path, "doctor", before=before) as agent:
        assert agent.wait() == 1
    assert "FAIL  clock: its check breaks off (TypeError" in agent.stdout
    assert "disk" in parts(agent)
    assert agent.stderr == ""


def test_a_running_agent_is_seen_and_not_disturbed(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto
) -> None:
    options = ("--camera", "test://", "--model", golden, "--broker", mosquitto.url)
    (tmp_path / "second").mkdir()
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    with EdgeAgent(tmp_path, *options, env=state) as agent:
        agent.wait_for_log("connected, MQTT 5")
        doctor = edge_agent(tmp_path / "second", "doctor", *options, env=state)
        assert f"ok    outbox: in use by the agent that runs (process {agent.process.pid})" in doctor.stdout
        assert agent.stop() == 0
    assert doctor.process.returncode == 0, doctor.stdout
    assert "outbox" not in agent.stderr
    left = (tmp_path / "state" / "edge-agent").iterdir()
    assert [path.suffix for path in left] == [".sqlite"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_state_that_this_user_may_not_write_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    state = tmp_path / "state"
    Outbox(state / "outbox-pi.sqlite").close()
    (tmp_path / "agent.toml").write_text(f'state_dir = "{state}"\ndevice_id = "pi"\n')
    with EdgeAgent(tmp_path, "doctor", "--broker", "embedded", prefix=as_nobody()) as agent:
        agent.wait()
    lines = agent.stdout.splitlines()
    assert f"FAIL  disk: nobody may not write into {state}" in lines
    assert f"      → sudo chown -R nobody {state}" in lines
    assert f"FAIL  outbox: nobody may not write {state}/outbox-pi.sqlite" in lines
    assert f"      → sudo chown nobody {state}/outbox-pi.sqlite*" in lines


def test_a_configuration_that_may_not_be_read_is_told_with_who_may(tmp_path: Path) -> None:
    def load() -> AgentConfig:
        raise ConfigError("can't read the configuration", "Permission denied") from PermissionError(13, "no")

    findings = {found.part: found for found in Diagnosis(load, tmp_path / "agent.toml").findings()}
    assert (findings["config"].grade, findings["config"].exit_code) == (Grade.FAIL, 78)
    assert findings["config"].remedy.startswith("sudo -u ")
