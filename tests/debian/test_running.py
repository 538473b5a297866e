"""The second part of the story: the agents of the package at work, after test_installing.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.debian.device import (
    AGENT,
    CURRENT,
    DEVICE,
    FRONT,
    SETTINGS,
    STATE,
    YARD,
    is_active,
    journal,
    on_device,
    property_of,
    run,
)
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber


def settings_for(instance: str, text: str) -> None:
    """A configuration of its own, as the guide makes one."""
    file = SETTINGS / f"{instance}.toml"
    run("install", "-m", "640", "-g", "edge-agent", SETTINGS / "agent.toml", file)
    file.write_text(text)


def test_labels_arrive(broker: Mosquitto) -> None:
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text(f"{DEVICE}/availability", "online")
        subscriber.wait_for_text(f"{DEVICE}/test/label", "red")


def test_the_models_are_root_s_and_the_settings_nobody_else_s(package: Path) -> None:
    assert re.fullmatch(r"colours-1-[0-9a-f]{8}\.tflite", str(CURRENT.readlink()))
    modes = {
        path: oct(path.stat().st_mode)[-3:]
        for path in (STATE, CURRENT.parent, CURRENT, SETTINGS / "agent.toml")
    }
    assert list(modes.values()) == ["750", "755", "644", "640"]
    assert (CURRENT.owner(), CURRENT.parent.owner(), STATE.owner()) == ("root", "root", "edge-agent")


@pytest.mark.parametrize("unit", [AGENT, FRONT])
def test_the_unit_exposes_little(package: Path, unit: str) -> None:
    said = run("systemd-analyze", "security", "--no-pager", unit).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert exposure
    print(exposure[0])
    assert float(exposure[1]) <= 2.0


def test_one_process_for_each_camera(package: Path, broker: Mosquitto, guarded_broker: Mosquitto) -> None:
    plain = (SETTINGS / "agent.toml").read_text()
    settings_for("front", plain.replace(broker.url, guarded_broker.url))
    settings_for("yard", plain.replace("test://", "/dev/video99"))
    run("install", "-m", "600", "/dev/null", SETTINGS / "broker-password")
    (SETTINGS / "broker-password").write_text("hush\n")
    started = run("systemctl", "enable", "--now", FRONT, YARD)
    assert started.returncode == 0, started.stdout + journal(FRONT) + journal(YARD)
    with Subscriber(guarded_broker.port, user="front", password="hush") as subscriber:
        subscriber.wait_for_text(f"{DEVICE}-front/test/label", "red")
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text(f"{DEVICE}-yard/availability", "online")
        subscriber.wait_for_text(f"{DEVICE}/availability", "online")
    assert (STATE / "cameras" / "front" / f"outbox-{DEVICE}-front.sqlite").exists()


def test_a_camera_that_is_missing_never_ends_in_failed(package: Path) -> None:
    assert is_active(YARD)
    assert property_of(YARD, "NRestarts") == "0"
    assert property_of(YARD, "StartLimitIntervalUSec") == "0"


def test_a_wrong_configuration_is_not_tried_again(package: Path) -> None:
    settings_for("wrong", "framse = 3\n")
    assert run("systemctl", "start", "edge-agent@wrong").returncode != 0
    assert property_of("edge-agent@wrong", "ActiveState") == "failed"
    assert property_of("edge-agent@wrong", "ExecMainStatus") == "78"
    assert "framse: unknown key" in journal("edge-agent@wrong")


def test_deploying_starts_no_agent_that_was_disabled_in_favour_of_instances(package: Path) -> None:
    run("systemctl", "disable", "--now", AGENT)
    done = on_device()
    assert (done.returncode, is_active(AGENT), is_active(FRONT)) == (0, False, True), done.stdout
    run("systemctl", "enable", "--now", AGENT)
