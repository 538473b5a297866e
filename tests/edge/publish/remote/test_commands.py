"""What a message from outside is taken for, and what is refused without being repeated."""

from __future__ import annotations

import json
import time

import cv2
import numpy as np
import pytest

from edge.publish.remote.commands import CommandTopics, Refusal, SetEnabled, SetThreshold, TakeSnapshot
from edge.publish.remote.control import MAX_PER_S, Control
from edge.publish.remote.snapshot import MAX_BYTES, jpeg
from edge.publish.topics import TopicNames
from edge.records import Frame, Message

NAMES = TopicNames("edge", "pi")
TOPICS = CommandTopics(NAMES, ("front", "yard"))


def message(leaf: str, payload: bytes, *, retain: bool = False) -> Message:
    return Message(f"edge/pi/front/{leaf}", payload, retain=retain)


def frame(width: int, height: int) -> Frame:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return Frame("front", 0, pixels, 0.0, 0.0, time.monotonic())


@pytest.mark.parametrize(
    ("leaf", "payload", "expected"),
    [
        ("enabled/set", b"ON", SetEnabled("front", True)),
        ("enabled/set", b"OFF", SetEnabled("front", False)),
        ("threshold/set", b"0.7", SetThreshold("front", 0.7)),
        ("threshold/set", b"0", SetThreshold("front", 0.0)),
        ("threshold/set", b"1.0", SetThreshold("front", 1.0)),
        ("threshold/set", b"0.30000000000000004", SetThreshold("front", 0.30000000000000004)),
        ("snapshot/get", b"", TakeSnapshot("front")),
        ("snapshot/get", b"PRESS", TakeSnapshot("front")),
    ],
)
def test_what_is_well_said_is_understood(leaf: str, payload: bytes, expected: object) -> None:
    assert TOPICS.parse(message(leaf, payload)) == expected


@pytest.mark.parametrize(
    ("leaf", "payload"),
    [
        *(("enabled/set", text) for text in (b"", b"on", b"true", b"1", b"ON\n", b"ON\x00", b"\xff\xfe")),
        *(
            ("threshold/set", text)
            for text in (b"", b"1.1", b"1.00001", b"-0.1", b"nan", b"inf", b"1e-1", b" 0.5", b"0,5", b"0.5\n")
        ),
        ("threshold/set", "٠.٥".encode()),
        ("threshold/set", b"0." + b"1" * 21),
        ("snapshot/get", b"../../etc/passwd"),
        ("snapshot/get", b"x" * 65),
        ("threshold/set", b"1" * 16_000),
        ("enabled/set", b"$(reboot)"),
    ],
)
def test_everything_else_is_refused_and_not_repeated(leaf: str, payload: bytes) -> None:
    refusal = TOPICS.parse(message(leaf, payload))
    assert isinstance(refusal, Refusal)
    assert (refusal.camera, refusal.name) == ("front", leaf.partition("/")[0])
    assert not payload or payload.decode(errors="replace") not in refusal.reason


def test_the_topics_hold_no_wildcards() -> None:
    assert len(TOPICS.all) == 6
    assert not any(sign in topic for topic in TOPICS.all for sign in "+#")


# ---- the control


class Told:
    """What a control has published, and the control."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.control = Control(NAMES, {"front": 0.7}, self.messages.append)

    def answers(self) -> list[tuple[str, bool, str | None]]:
        found = [json.loads(told.payload) for told in self.messages if told.topic == "edge/pi/front/answer"]
        return [(body["command"], body["ok"], body["reason"]) for body in found]

    def pictures(self) -> list[bytes]:
        return [told.payload for told in self.messages if told.topic.endswith("/snapshot")]


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_present_settings_are_retained(told: Told) -> None:
    states = {message.topic: (message.payload, message.retain) for message in told.messages}
    assert states == {"edge/pi/front/enabled": (b"ON", True), "edge/pi/front/threshold": (b"0.7", True)}


def test_a_setting_is_handed_on_and_answered_when_it_is_done(told: Told) -> None:
    told.control.receive(message("threshold/set", b"0.25"))
    assert told.answers() == []
    (command,) = told.control.take()
    told.control.done(command)
    assert told.answers() == [("threshold", True, None)]
    assert told.messages[-2] == Message("edge/pi/front/threshold", b"0.25", retain=True)


def test_a_setting_that_the_loop_refuses_changes_nothing(told: Told) -> None:
    told.control.receive(message("enabled/set", b"OFF"))
    (command,) = told.control.take()
    told.control.done(command, "the camera has ended")
    assert told.answers() == [("enabled", False, "the camera has ended")]
    assert sum(message.topic.endswith("/enabled") for message in told.messages) == 1


def test_a_retained_command_is_ignored(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    told.control.receive(message("enabled/set", b"OFF", retain=True))
    assert list(told.control.take()) == []
    assert told.answers() == []
    assert "without retain" in caplog.text


def test_a_flood_is_bounded_and_said_once(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(5000):
        told.control.receive(message("threshold/set", b"0.5" if number % 2 else b"evil \x1b[31m text"))
    # A second may end while the flood lasts.
    assert len(list(told.control.take())) <= 2 * MAX_PER_S
    assert len(told.answers()) <= 2 * MAX_PER_S
    assert caplog.text.count("the rest are dropped") in (1, 2)
    assert "evil" not in caplog.text


def test_a_snapshot_is_the_next_frame(told: Told) -> None:
    told.control.seen(frame(64, 48))
    assert told.pictures() == []
    told.control.receive(message("snapshot/get", b""))
    assert list(told.control.take()) == []
    told.control.seen(frame(64, 48))
    told.control.seen(frame(64, 48))
    (picture,) = told.pictures()
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (48, 64, 3)
    assert told.answers() == [("snapshot", True, None)]


def test_a_second_snapshot_within_a_second_is_refused(told: Told) -> None:
    for _ in range(2):
        told.control.receive(message("snapshot/get", b""))
    list(told.control.take())
    told.control.seen(frame(64, 48))
    assert len(told.pictures()) == 1
    assert sorted(ok for _, ok, _ in told.answers()) == [False, True]


def test_a_disabled_camera_gives_no_snapshot(told: Told) -> None:
    told.control.receive(message("enabled/set", b"OFF"))
    for command in told.control.take():
        told.control.done(command)
    told.control.receive(message("snapshot/get", b""))
    assert list(told.control.take()) == []
    assert told.answers()[-1] == ("snapshot", False, "the camera is disabled")


@pytest.mark.parametrize("size", [(3840, 2160), (1, 3000), (16, 16)])
def test_a_snapshot_is_bounded_in_size(size: tuple[int, int]) -> None:
    data = jpeg(frame(*size))  # noise, which compresses worst
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert len(data) <= MAX_BYTES
    assert decoded is not None
    assert max(decoded.shape) <= 1280


def test_a_snapshot_keeps_the_colours() -> None:
    red = Frame("front", 0, np.full((16, 16, 3), (0, 0, 250), np.uint8), 0.0, 0.0, 0.0)
    decoded = cv2.imdecode(np.frombuffer(jpeg(red), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    blue, _, found_red = decoded[8, 8]
    assert found_red > 200
    assert blue < 50
