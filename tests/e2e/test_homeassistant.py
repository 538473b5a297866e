"""Home Assistant's side: do its topics exist, and its templates work on what the agent says?"""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.discovery import BinarySensor, Component, Discovery, Sensor, parse, read_topics
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Received, Subscriber

ARGUMENTS = ("--camera", "front=test://?size=64x48&fps=20", "--device-id", "pi", "--homeassistant")
SETTINGS = "heartbeat = 0.5\nstats_interval = 0.5\n"


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Discovery, list[Received]]:
    """The announcement, and all that the agent then said."""
    folder = tmp_path_factory.mktemp("house")
    golden = Path(__file__).parents[1] / "golden" / "colours.tflite"
    (folder / "agent.toml").write_text(SETTINGS)
    with (
        Mosquitto(folder / "broker") as broker,
        Subscriber(broker.port, "#") as house,
        EdgeAgent(folder, *ARGUMENTS, "--model", golden, "--broker", broker.url) as agent,
    ):
        house.wait_for(lambda: len(house.on("pi/stats")) > 1, "the counters")
        house.wait_for(lambda: len(house.on("/state")) > 3, "some states")
        assert agent.stop() == 0
        house.wait_for_text("pi/availability", "offline")
        return parse(house.on("/config")[0].payload), house.messages


def shown(component: Component, message: Received) -> str:
    """What Home Assistant makes of a message for this entity."""
    if component.value_template is None:
        return message.text
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    return environment.from_string(component.value_template).render(value_json=message.record)


def values(heard: tuple[Discovery, list[Received]], name: str) -> list[str]:
    told, messages = heard
    component = told.cmps[name]
    return [shown(component, message) for message in messages if message.topic == component.state_topic]


def test_every_topic_that_is_named_is_one_that_the_agent_publishes_on(
    heard: tuple[Discovery, list[Received]],
) -> None:
    told, messages = heard
    named = set().union(*(read_topics(component) for component in told.cmps.values()))
    assert named <= {message.topic for message in messages}


def test_what_the_agent_says_is_what_each_entity_takes(heard: tuple[Discovery, list[Received]]) -> None:
    told, _ = heard
    for name, component in told.cmps.items():
        found = values(heard, name)
        assert found, name
        if isinstance(component, BinarySensor):
            assert set(found) <= {component.payload_on, component.payload_off}, name
        elif isinstance(component, Sensor) and component.options:
            assert set(found) <= set(component.options), name
        else:
            assert all(float(value) >= 0 for value in found), name


def test_the_templates_say_what_the_states_say(heard: tuple[Discovery, list[Received]]) -> None:
    _, messages = heard
    states = [message.record for message in messages if message.topic == "edge/pi/front/state"]
    assert [float(value) for value in values(heard, "front.confidence")] == [
        pytest.approx(100 * state["confidence"], abs=0.051) for state in states
    ]
    reasons = [state["unknown_reason"] for state in states]
    assert values(heard, "front.problem") == ["ON" if reason == "no_frames" else "OFF" for reason in reasons]
    assert "no_frames" in reasons
    assert any(float(value) > 5 for value in values(heard, "front.rate"))


def test_the_heartbeat_is_shorter_than_the_expiry(heard: tuple[Discovery, list[Received]]) -> None:
    told, _ = heard
    label = told.cmps["front.label"]
    assert isinstance(label, Sensor)
    assert label.expire_after == 2  # three heartbeats of 0.5 s
