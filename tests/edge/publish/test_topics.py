"""The contract with subscribers: names, payloads, QoS, retain."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from edge.publish.payloads import rfc3339
from edge.publish.topics import Topics
from edge.records import Decision, Frame, LabelScore, Message, ModelIdentity
from edge.region import PixelRegion

TOPICS = Topics("edge", "pi", ModelIdentity("colours", "3", "f" * 64))
DECISION = Decision(
    camera="belt",
    label="red",
    confidence=0.87654321,
    unknown_reason=None,
    previous="blue",
    since=1767225600.0,
    timestamp=1767225601.2345,
    changed=True,
    frame_index=41,
    frame_age_ms=12.345,
    inference_ms=3.4567,
    top=(LabelScore("red", 0.87654321), LabelScore("blue", 0.1)),
    familiarity=0.8123456,
    region=PixelRegion(1, 2, 30, 40, 90, "vertical"),
)
UNKNOWN = dataclasses.replace(DECISION, label=None, unknown_reason="low_score")


@pytest.mark.parametrize(
    ("message", "topic", "payload", "retain"),
    [
        (TOPICS.device_availability(online=True), "edge/pi/availability", b"online", True),
        (TOPICS.device_availability(online=False), "edge/pi/availability", b"offline", True),
        (TOPICS.camera_availability("belt", online=True), "edge/pi/belt/availability", b"online", True),
        (TOPICS.camera_availability("belt", online=False), "edge/pi/belt/availability", b"offline", True),
        (TOPICS.label(DECISION), "edge/pi/belt/label", b"red", True),
        (TOPICS.label(UNKNOWN), "edge/pi/belt/label", b"unknown", True),
    ],
)
def test_plain_messages(message: Message, topic: str, payload: bytes, retain: bool) -> None:
    assert message == Message(topic, payload, qos=1, retain=retain)


@pytest.mark.parametrize(
    ("message", "topic", "retain"),
    [
        (TOPICS.state(DECISION, 7), "edge/pi/belt/state", True),
        (TOPICS.event(DECISION, 7), "edge/pi/belt/event", False),
    ],
)
def test_state_and_event_say_all(message: Message, topic: str, retain: bool) -> None:
    assert (message.topic, message.qos, message.retain) == (topic, 1, retain)
    assert json.loads(message.payload) == {
        "schema": 1,
        "device": "pi",
        "camera": "belt",
        "label": "red",
        "confidence": 0.8765,
        "unknown_reason": None,
        "familiarity": 0.8123,
        "previous": "blue",
        "since": "2026-01-01T00:00:00.000Z",
        "timestamp": "2026-01-01T00:00:01.234Z",
        "sequence": 7,
        "frame": 41,
        "frame_age_ms": 12.3,
        "inference_ms": 3.46,
        "top": [{"label": "red", "score": 0.8765}, {"label": "blue", "score": 0.1}],
        "region": {"x": 1, "y": 2, "width": 30, "height": 40, "rotate": 90, "flip": "vertical"},
        "model": {"name": "colours", "version": "3", "hash": "f" * 64},
    }


def test_an_unknown_label_is_null_with_a_reason() -> None:
    record = json.loads(TOPICS.state(UNKNOWN, 1).payload)
    assert record["label"] is None
    assert record["unknown_reason"] == "low_score"


def test_a_model_that_can_not_tell_has_null_for_familiarity() -> None:
    decision = dataclasses.replace(DECISION, familiarity=None)
    assert json.loads(TOPICS.event(decision, 1).payload)["familiarity"] is None


def test_without_a_region_it_is_null() -> None:
    decision = dataclasses.replace(DECISION, region=None)
    assert json.loads(TOPICS.event(decision, 1).payload)["region"] is None


def test_scores_name_every_label_and_may_be_lost() -> None:
    frame = Frame("belt", 5, np.zeros((8, 8, 3), np.uint8), 1.0, 2.0, 3.0)
    message = TOPICS.scores(frame, 12.34, ("a", "b"), np.array([0.25, 0.75], np.float32))
    assert (message.topic, message.qos, message.retain) == ("edge/pi/belt/scores", 0, False)
    record = json.loads(message.payload)
    assert record == {
        "schema": 1,
        "camera": "belt",
        "frame": 5,
        "timestamp": "1970-01-01T00:00:02.000Z",
        "frame_age_ms": 12.3,
        "scores": {"a": 0.25, "b": 0.75},
    }


def test_stats_may_be_lost() -> None:
    message = TOPICS.stats({"uptime_s": 5})
    assert (message.topic, message.qos, message.retain) == ("edge/pi/stats", 0, False)
    record = json.loads(message.payload)
    assert record.pop("model").keys() == {"name", "version", "hash"}
    assert record == {"schema": 1, "device": "pi", "uptime_s": 5}


def test_labels_are_sent_as_they_are() -> None:
    decision = dataclasses.replace(DECISION, label="Grüner Tee 茶")
    assert TOPICS.label(decision).payload.decode() == "Grüner Tee 茶"
    assert "茶" in TOPICS.state(decision, 1).payload.decode()


@pytest.mark.parametrize(
    ("unix_s", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1.5, "1970-01-01T00:00:01.500Z"), (1e9, "2001-09-09T01:46:40.000Z")],
)
def test_times_are_utc_with_milliseconds(unix_s: float, text: str) -> None:
    assert rfc3339(unix_s) == text


def test_a_prefix_may_have_levels() -> None:
    topics = Topics("site/hall-2", "pi", ModelIdentity("m", "1", "0"))
    assert topics.label(DECISION).topic == "site/hall-2/pi/belt/label"
