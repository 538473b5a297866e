"""What Home Assistant is told, checked against its own rules and over a real broker."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from edge.publish.mqtt.homeassistant import (
    NO_PROBLEMS,
    PROBLEMS,
    Device,
    birth_topic,
    discovery,
    removal,
)
from edge.publish.topics import TopicNames
from edge.records import ModelIdentity, UnknownReason
from tests.support.agents.command_line import EdgeAgent, edge_agent
from tests.support.brokers.discovery import BinarySensor, Sensor, parse, read_topics
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.refusing import NOT_AUTHORIZED, Refusing
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import free_port

DEVICE = Device(
    names=TopicNames("edge", "pi"),
    cameras=("front", "yard"),
    labels=("cat", "dog"),
    model=ModelIdentity("animals", "3", "0" * 64),
    version="1.2.3",
    heartbeat_s=60,
    stats_interval_s=30,
)
TOPIC = "homeassistant/device/edge-agent-pi/config"


def test_the_payload_keeps_to_the_rules() -> None:
    message = discovery(DEVICE)
    assert (message.topic, message.qos, message.retain) == (TOPIC, 1, True)
    told = parse(message.payload)
    assert (told.dev.name, told.dev.model, told.dev.sw_version) == ("pi", "animals 3", "1.2.3")
    kinds = ("label", "confidence", "problem", "delivery", "rate")
    assert set(told.cmps) == {"connection", *(f"{name}.{kind}" for name in DEVICE.cameras for kind in kinds)}


def test_a_label_may_be_any_of_the_models_and_unknown() -> None:
    label = parse(discovery(DEVICE).payload).cmps["front.label"]
    assert isinstance(label, Sensor)
    assert label.options == ["cat", "dog", "unknown"]
    own = dataclasses.replace(DEVICE, labels=("unknown", "Füchse"))
    label = parse(discovery(own).payload).cmps["front.label"]
    assert isinstance(label, Sensor)
    assert label.options == ["unknown", "Füchse"]


def test_what_the_camera_sees_counts_only_while_agent_and_camera_are_there() -> None:
    told = parse(discovery(DEVICE).payload).cmps
    both = ["edge/pi/availability", "edge/pi/yard/availability"]
    for kind in ("label", "confidence"):
        assert [entry.topic for entry in told[f"yard.{kind}"].availability] == both
        assert told[f"yard.{kind}"].availability_mode == "all"
    for kind in ("problem", "delivery", "rate"):
        assert [entry.topic for entry in told[f"yard.{kind}"].availability] == both[:1]
    assert told["connection"].availability == []


def test_a_value_expires_after_a_few_heartbeats() -> None:
    told = parse(discovery(dataclasses.replace(DEVICE, heartbeat_s=0.5)).payload).cmps
    for kind, seconds in (("label", 2), ("confidence", 2), ("problem", 2), ("rate", 90)):
        component = told[f"front.{kind}"]
        assert isinstance(component, Sensor | BinarySensor)
        assert component.expire_after == seconds


def test_no_two_entities_share_an_id() -> None:
    odd = ("a", "a_b", "b", "a-label", "label")
    devices = [
        dataclasses.replace(DEVICE, names=TopicNames("edge", device), cameras=odd) for device in ("a", "a_b")
    ]
    ids = [part.unique_id for device in devices for part in parse(discovery(device).payload).cmps.values()]
    assert len(ids) == len(set(ids)) == 2 * (1 + 5 * len(odd))


def test_each_reason_that_the_agent_gives_is_a_problem_or_none() -> None:
    problems = {"no_frames", "stale", "frozen", "dark", "bright", "covered"}
    none = {"starting", "low_score", "unfamiliar", "disabled"}
    assert problems | none == set(get_args(UnknownReason)), "is the new reason a problem of the camera?"
    assert (set(PROBLEMS), set(NO_PROBLEMS)) == (problems, none)
    problem = parse(discovery(DEVICE).payload).cmps["front.problem"]
    assert isinstance(problem, BinarySensor)
    assert str(list(PROBLEMS)) in (problem.value_template or "")


def test_only_what_the_device_publishes_is_read() -> None:
    for component in parse(discovery(DEVICE).payload).cmps.values():
        assert all(topic.startswith("edge/pi/") for topic in read_topics(component))


def test_removal_is_an_empty_retained_message_on_the_same_topic() -> None:
    message = removal("pi", "ha")
    assert (message.topic, message.payload, message.retain) == (
        TOPIC.replace("homeassistant", "ha"),
        b"",
        True,
    )
    assert birth_topic("ha") == "ha/status"


# ---- the agent and a broker


def test_the_device_is_announced_at_every_login_and_when_home_assistant_starts(
    tmp_path: Path, golden: Path
) -> None:
    arguments = ("--camera", "cam=test://?size=64x48", "--model", golden, "--device-id", "pi")
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Subscriber(broker.port, "#") as house,
        EdgeAgent(tmp_path, *arguments, "--broker", broker.url, "--homeassistant") as agent,
    ):
        house.wait_for(lambda: house.on("/config"), "the announcement")
        parse(house.on("/config")[0].payload)
        house.wait_for(lambda: house.on("cam/label"), "the agent at work")
        house.publish("homeassistant/status", b"offline")
        house.publish("homeassistant/status", b"online")
        house.wait_for(lambda: len(house.on("/config")) == 2, "the second announcement")
        broker.stop()
        agent.wait_for_log("connection lost")
        broker.start()
        house.wait_for(lambda: len(house.on("/config")) >= 3, "the announcement after the loss")
        assert agent.stop() == 0
        with Subscriber(broker.port, "homeassistant/#") as late:
            late.wait_for(lambda: late.on("/config"), "the retained announcement")
    assert {message.topic for message in house.on("/config")} == {TOPIC}


def test_without_the_option_home_assistant_is_told_nothing(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto
) -> None:
    arguments = ("--camera", "test://?size=64x48", "--model", golden, "--frames", 10, "--device-id", "pi")
    with Subscriber(mosquitto.port, "#") as house:
        assert edge_agent(tmp_path, *arguments, "--broker", mosquitto.url).process.returncode == 0
        house.wait_for_text("pi/availability", "offline")
        assert not [message for message in house.messages if message.topic.startswith("homeassistant")]


def test_a_device_can_be_taken_out_again(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port, "homeassistant/#") as house:
        house.publish(TOPIC, discovery(DEVICE).payload, retain=True)
        house.wait_for(lambda: house.on("/config"), "the announcement")
        arguments = ("homeassistant", "--remove", "--device-id", "pi", "--broker", mosquitto.url)
        agent = edge_agent(tmp_path, *arguments)
        assert agent.process.returncode == 0, agent.stderr
        assert agent.stdout.startswith("removed pi from Home Assistant")
        house.wait_for_text("/config", "")
    with Subscriber(mosquitto.port, "#") as late:
        late.publish("end", b"")
        late.wait_for(lambda: late.on("end"), "the end")
        assert len(late.messages) == 1


def test_a_broker_that_does_not_take_the_removal_is_named(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with Refusing(mosquitto.port, NOT_AUTHORIZED, b"/config") as relay:
        agent = edge_agent(tmp_path, "homeassistant", "--remove", "--device-id", "pi", "--broker", relay.url)
    assert agent.process.returncode == 69
    assert "does not take the message: not authorized" in agent.stderr.lower()
    assert agent.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "write --remove"),
        (("--remove", "--broker", "mqtt://127.0.0.1:{port}"), 69, "unreachable"),
    ],
)
def test_what_can_not_be_removed_is_said(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    filled = [argument.format(port=free_port()) for argument in arguments]
    agent = edge_agent(tmp_path, "homeassistant", *filled)
    assert agent.process.returncode == code
    assert words in agent.stderr
