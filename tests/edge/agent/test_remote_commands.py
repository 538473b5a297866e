"""Commands over a real broker to the real agent: obeyed where allowed, deaf where not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.discovery import Button, Camera, Number, Switch, parse, read_topics
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber

ROOT = "edge/pi/front"


@contextmanager
def running(
    folder: Path, golden: Path, broker: Mosquitto, *more: str
) -> Iterator[tuple[EdgeAgent, Subscriber]]:
    """The agent at work, and somebody who hears everything."""
    arguments = ("--camera", "front=test://?size=64x48", "--model", golden, "--device-id", "pi")
    with (
        Subscriber(broker.port, "#") as other,
        EdgeAgent(folder, *arguments, "--broker", broker.url, *more) as agent,
    ):
        other.wait_for(lambda: len(other.on("front/label")) > 2, "the agent at work")
        yield agent, other


def answers(other: Subscriber) -> list[tuple[str, bool]]:
    return [(message.record["command"], message.record["ok"]) for message in other.on("front/answer")]


def reason(other: Subscriber) -> str:
    return str(other.on("front/state")[-1].record["unknown_reason"])


def test_a_camera_is_switched_off_and_on(tmp_path: Path, golden: Path, mosquitto: Mosquitto) -> None:
    with running(tmp_path, golden, mosquitto, "--allow-commands") as (agent, other):
        other.wait_for_text("front/enabled", "ON")
        other.publish(f"{ROOT}/enabled/set", b"OFF")
        other.wait_for_text("front/enabled", "OFF")
        other.wait_for_text("front/label", "unknown")
        other.wait_for(lambda: other.events()[-1]["unknown_reason"] == "disabled", "the event")
        events = len(other.events())
        other.publish(f"{ROOT}/snapshot/get", b"")
        other.wait_for(lambda: len(answers(other)) == 2, "the refusal of a picture")
        assert len(other.events()) == events
        other.publish(f"{ROOT}/enabled/set", b"ON")
        other.wait_for(lambda: len(other.events()) > events + 1, "new sight")
        assert [event["unknown_reason"] for event in other.events()[events - 1 : events + 1]] == [
            "disabled",
            "starting",
        ]
        assert answers(other) == [("enabled", True), ("snapshot", False), ("enabled", True)]
        with Subscriber(mosquitto.port, f"{ROOT}/enabled") as late:
            late.wait_for_text("/enabled", "ON")
            assert late.messages[0].retain
        assert agent.stop() == 0


def test_a_threshold_that_nothing_reaches_makes_all_unknown(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto
) -> None:
    with running(tmp_path, golden, mosquitto, "--allow-commands") as (_, other):
        other.publish(f"{ROOT}/threshold/set", b"1")
        other.wait_for_text("front/threshold", "1")
        other.wait_for(lambda: reason(other) == "low_score", "unknown")
        other.publish(f"{ROOT}/threshold/set", b"0.01")
        other.wait_for(lambda: other.on("front/state")[-1].record["label"] is not None, "a label")
        other.publish(f"{ROOT}/threshold/set", b"7")
        other.wait_for(lambda: len(answers(other)) == 3, "the answers")
    assert answers(other) == [("threshold", True), ("threshold", True), ("threshold", False)]


def test_a_snapshot_comes_when_it_is_asked_for(tmp_path: Path, golden: Path, mosquitto: Mosquitto) -> None:
    with running(tmp_path, golden, mosquitto, "--allow-commands") as (_, other):
        assert other.on("front/snapshot") == []
        other.publish(f"{ROOT}/snapshot/get", b"")
        other.wait_for(lambda: other.on("front/snapshot"), "the picture")
        (picture,) = other.on("front/snapshot")
    decoded = cv2.imdecode(np.frombuffer(picture.payload, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (48, 64, 3)
    with Subscriber(mosquitto.port, "#") as late:
        late.publish("end", b"")
        late.wait_for(lambda: late.on("end"), "the end")
        assert late.on("front/snapshot") == []


def test_what_was_commanded_before_the_start_is_not_obeyed(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto
) -> None:
    with Subscriber(mosquitto.port) as before:
        before.publish(f"{ROOT}/enabled/set", b"OFF", retain=True)
    with running(tmp_path, golden, mosquitto, "--allow-commands") as (agent, other):
        agent.wait_for_log("a retained command on edge/pi/front/enabled/set is ignored")
        other.publish(f"{ROOT}/threshold/set", b"0.5")
        other.wait_for(lambda: answers(other), "the answer to another command")
        assert other.on("front/enabled")[-1].text == "ON"
    assert answers(other) == [("threshold", True)]


def test_without_the_option_nothing_is_obeyed(tmp_path: Path, golden: Path, mosquitto: Mosquitto) -> None:
    with running(tmp_path, golden, mosquitto) as (agent, other):
        for leaf, payload in (("enabled/set", b"OFF"), ("threshold/set", b"1"), ("snapshot/get", b"")):
            other.publish(f"{ROOT}/{leaf}", payload)
        count = len(other.events())
        other.wait_for(lambda: len(other.events()) > count + 3, "the agent still at work")
        assert answers(other) == []
        assert other.on("front/enabled") == []
        assert agent.stop() == 0


def test_home_assistant_is_offered_what_is_allowed(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto
) -> None:
    with running(tmp_path, golden, mosquitto, "--allow-commands", "--homeassistant") as (_, other):
        told = parse(other.on("/config")[0].payload).cmps
        switch, number, button = (told[f"front.{kind}"] for kind in ("enabled", "threshold", "take snapshot"))
        assert isinstance(switch, Switch)
        assert isinstance(number, Number)
        assert isinstance(button, Button)
        assert isinstance(told["front.snapshot"], Camera)
        assert (number.min, number.max) == (0, 1)
        for topic, payload in ((switch.command_topic, b"ON"), (number.command_topic, b"0.55")):
            other.publish(topic, payload)
        other.publish(button.command_topic, b"PRESS")
        other.wait_for(lambda: len(answers(other)) == 3, "the answers")
        assert all(ok for _, ok in answers(other))
        named = set().union(*(read_topics(component) for component in told.values()))
        heard = {message.topic for message in other.messages}
        assert named - heard <= {"edge/pi/stats"}  # comes every 30 s
