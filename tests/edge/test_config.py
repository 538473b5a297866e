"""File, environment and command line: who wins, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.agent.addresses import broker_address
from edge.config import AgentConfig, BrokerConfig
from edge.config_file import load_config, read_password
from edge.defaults import default_device_id, default_state_dir, slug
from edge.errors import ConfigError, EdgeError, UsageError
from edge.publish.mqtt.address import parse_broker_url

NOTHING: dict[str, str] = {}


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("file", "environment", "option", "expected"),
    [
        (None, None, None, "runs/latest/model.tflite"),
        ("file.tflite", None, None, "file.tflite"),
        ("file.tflite", "env.tflite", None, "env.tflite"),
        (None, "env.tflite", None, "env.tflite"),
        ("file.tflite", "env.tflite", "option.tflite", "option.tflite"),
    ],
)
def test_options_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, file: str | None, environment: str | None, option: str | None, expected: str
) -> None:
    path = toml(tmp_path, f'model = "{file}"') if file else None
    variables = {"EDGE_AGENT_MODEL": environment} if environment else {}
    assert load_config(path, {"model": option}, variables).model == Path(expected)


def test_a_section_is_merged_key_by_key(tmp_path: Path) -> None:
    path = toml(tmp_path, '[broker]\nurl = "mqtt://file"\npassword_file = "/pw"\n[decision]\nwindow = 9\n')
    config = load_config(
        path, {"broker": {"url": "mqtt://option"}, "decision": {"min_confidence": 0.7}}, NOTHING
    )
    assert (config.broker.url, config.broker.password_file) == ("mqtt://option", Path("/pw"))
    assert (config.decision.window, config.decision.min_confidence) == (9, 0.7)


def test_cameras_on_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    path = toml(tmp_path, '[[camera]]\nsource = "0"\n[[camera]]\nsource = "1"\nname = "back"\n')
    assert [camera.source for camera in load_config(path, {}, NOTHING).camera] == ["0", "1"]
    given = load_config(path, {"camera": ({"name": None, "source": "test://"},)}, NOTHING)
    assert [camera.source for camera in given.camera] == ["test://"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fps = 5\nframse = 3\n", "line 2: framse: unknown key; deploy/agent.example.toml"),
        ('[broker]\nurl = "mqtt://h"\npasswort = "x"\n', r"line 3: broker.passwort: unknown key"),
        ('[[camera]]\nsource = "0"\nnmae = "x"\n', r"line 3: camera.0.nmae: unknown key"),
        ("[brokr]\n", "line 1: brokr: unknown key"),
        ("fps = 0\n", "line 1: fps: .*greater than 0"),
        ("threads = 1.5\n", "line 1: threads: "),
        ('runtime = "onnx"\n', "line 1: runtime: .*litert"),
        ('device_id = "Kitchen Pi"\n', "line 1: device_id: "),
        ('topic_prefix = "edge/#"\n', "line 1: topic_prefix: "),
        ("[[camera]]\n", "camera.0.source: Field required"),
        ("[decision]\nwindow = 0\n", "line 2: decision.window"),
        ("fps = \n", "is not TOML"),
        ("broker = 3\n", "line 1: broker: "),
        ("[decision]\nhold = -1\n", "line 2: decision.hold"),
        ("[decision]\nwindow = 3\nvotes = 4\n", "decision: .*4 votes can't be had of a window of 3"),
        ('[decision]\nsmoothing = "median"\n', "line 2: decision.smoothing: .*votes"),
        ("[sight]\nfrozen_after = -1\n", "line 2: frame_quality.frozen_after: "),
        ('[[camera]]\nsource = "0"\ncrop = "1,2,3"\n', "line 3: camera.0.crop: .*write x,y,width,height"),
        ('[[camera]]\nsource = "0"\ncrop = [0.5, 0.5, 0.6, 0.5]\n', "camera.0.crop: .*outside the picture"),
        ('[[camera]]\nsource = "0"\nrotate = 45\n', "line 3: camera.0.rotate: .*90"),
        ('[[camera]]\nsource = "0"\nflip = "up"\n', "line 3: camera.0.flip: .*horizontal"),
        (
            '[[camera]]\nsource = "0"\n[[camera.region]]\ncrop = [0, 0, 8, 8]\n',
            "region.0.name: Field required",
        ),
        (
            '[[camera]]\nsource = "0"\nrotate = 90\n[[camera.region]]\nname = "a"\n',
            "camera.0: .*belong into its",
        ),
        ("reduce_jpegs = true\nallow_commands = true\n", "a snapshot shows a whole picture"),
        ("[frame_quality]\nfrozen = 1\n", "line 2: frame_quality.frozen: unknown key"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as mistake:
        load_config(toml(tmp_path, text), {}, NOTHING)
    assert mistake.value.exit_code == 78


def test_the_line_of_another_camera_is_not_blamed(tmp_path: Path) -> None:
    path = toml(tmp_path, '[[camera]]\nsource = "0"\n[[camera]]\nname = "x"\n')
    with pytest.raises(ConfigError, match=r"camera\.1\.source: Field required") as mistake:
        load_config(path, {}, NOTHING)
    assert "line 2" not in str(mistake.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cant_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "agent.toml"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"can't read the configuration {path}"):
        load_config(path, {}, NOTHING)


@pytest.mark.parametrize(
    "overrides",
    [
        {"fps": -1.0},
        {"fps": float("nan")},
        {"duration": float("nan")},
        {"frames": 0},
        {"device_id": "A b"},
        {"decision": {"min_confidence": 1.5}},
        {"camera": ({"source": "", "name": "x"},)},
        {"runtime": "onnx"},
    ],
)
def test_a_mistake_on_the_command_line_is_a_usage_error(overrides: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="see --help") as mistake:
        load_config(None, overrides, NOTHING)
    assert mistake.value.exit_code == 2


def test_the_password_comes_from_file_then_credentials_then_environment(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("from-file\n")
    (tmp_path / "broker-password").write_text("from-credentials")
    environment = {"EDGE_AGENT_BROKER_PASSWORD": "from-environment"}
    systemd = environment | {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    own = BrokerConfig(password_file=tmp_path / "own")
    assert read_password(own, systemd) == "from-file"
    assert read_password(BrokerConfig(), systemd) == "from-credentials"
    assert read_password(BrokerConfig(), environment) == "from-environment"
    assert read_password(BrokerConfig(), {}) is None


def test_the_password_of_the_units_is_read_by_hand_too(tmp_path: Path) -> None:
    (tmp_path / "broker-password").write_text("of-the-units\n")
    path = toml(tmp_path, '[broker]\nurl = "mqtt://me@host"\n')
    assert read_password(load_config(path, {}, NOTHING).broker, NOTHING) == "of-the-units"
    typed = {"EDGE_AGENT_BROKER_PASSWORD": "typed"}
    assert read_password(load_config(path, {}, typed).broker, typed) == "typed"
    elsewhere = load_config(path, {"broker": {"url": "mqtt://me@elsewhere"}}, NOTHING)
    assert read_password(elsewhere.broker, NOTHING) is None
    (tmp_path / "broker-password").write_text("")
    assert load_config(path, {}, NOTHING).broker.password_file is None
    (tmp_path / "broker-password").write_text("of-the-units\n")
    toml(tmp_path, f'[broker]\nurl = "mqtt://me@host"\npassword_file = "{tmp_path / "own"}"\n')
    assert load_config(path, {}, NOTHING).broker.password_file == tmp_path / "own"


def test_the_empty_credential_of_the_unit_is_no_password(tmp_path: Path) -> None:
    (tmp_path / "broker-password").write_text("")
    systemd = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_password(BrokerConfig(), systemd) is None
    assert read_password(BrokerConfig(), systemd | {"EDGE_AGENT_BROKER_PASSWORD": "other"}) == "other"


def test_a_password_file_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read the broker password from .*none"):
        read_password(BrokerConfig(password_file=tmp_path / "none"), {})


def test_the_password_is_in_no_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_AGENT_BROKER_PASSWORD", "hush")
    config = AgentConfig(broker=BrokerConfig(url="mqtt://me@host"))
    address = broker_address(config)
    assert address.password == "hush"
    assert "hush" not in repr(address) + str(address) + repr(config) + address.shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://localhost", ("localhost", 1883, False, None)),
        ("mqtts://host", ("host", 8883, True, None)),
        ("mqtt://me@host:99", ("host", 99, False, "me")),
        ("mqtt://m%40e@host", ("host", 1883, False, "m@e")),
        ("mqtt://[::1]:1884", ("::1", 1884, False, None)),
    ],
)
def test_broker_addresses(url: str, expected: tuple[Any, ...]) -> None:
    address = parse_broker_url(url)
    assert (address.host, address.port, address.tls, address.username) == expected


@pytest.mark.parametrize(
    "url",
    ["localhost", "http://h", "mqtt://", "mqtt://h:99999", "mqtt://h:x", "", "localhost:1883", "mqtt://[x"],
)
def test_what_is_no_broker_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="can't use the broker"):
        parse_broker_url(url)


@pytest.mark.parametrize(
    "url", ["mqtt://me:hush@host", "//me:hush@host", "http://me:hush@host", "me:hush@host"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_broker_url(url)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("url", ["embedded:0", "embedded:x", "embedded:70000"])
def test_an_impossible_embedded_port_is_refused(url: str) -> None:
    with pytest.raises(EdgeError, match="is not a port"):
        broker_address(AgentConfig(broker=BrokerConfig(url=url)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Kitchen Pi.local", "kitchen-pi-local"), ("ümlaut", "mlaut"), ("", "device"), ("…", "device")],
)
def test_a_slug_is_a_topic_level(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_an_instance_of_the_template_unit_is_a_device_of_its_own() -> None:
    host = default_device_id({})
    assert default_device_id({"EDGE_AGENT_INSTANCE": "Front Door"}) == f"{host}-front-door"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"STATE_DIRECTORY": "/var/lib/edge-agent:/x"}, "/var/lib/edge-agent"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/edge-agent"),
        ({"HOME": "/h"}, "/h/.local/state/edge-agent"),
    ],
)
def test_where_state_is_kept(environment: dict[str, str], expected: str) -> None:
    assert default_state_dir(environment) == Path(expected)


def test_a_section_of_an_earlier_version_is_understood(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = toml(tmp_path, "[sight]\nfrozen_after = 7\n[gate]\nenabled = true\n")
    assert load_config(path, {}, NOTHING).frame_quality.frozen_after == 7
    first, second = caplog.messages
    assert "[sight] is called [frame_quality] now" in first
    assert "[gate] has no effect any more" in second


def test_a_section_under_both_names_is_an_error(tmp_path: Path) -> None:
    path = toml(tmp_path, "[sight]\nenabled = true\n[frame_quality]\nenabled = true\n")
    with pytest.raises(ConfigError, match="line 1: sight: unknown key"):
        load_config(path, {}, NOTHING)
