"""The MQTT sink against a real broker: births, states, and every event once and in order."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.errors import BrokerUnavailableError
from edge.publish.mqtt import retained_state
from edge.publish.mqtt.address import parse_broker_url
from edge.publish.mqtt.connection import Login
from edge.publish.mqtt.sink import MqttSink
from edge.publish.outbox.outbox import Outbox, OutboxLimits
from edge.publish.registry import SinkContext
from edge.publish.stdout import StdoutSink
from edge.publish.topics import Topics
from edge.records import Decision, Frame, LabelScore, ModelIdentity
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.refusing import QUOTA_EXCEEDED, Refusing
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import free_port, wait_until

MODEL = ModelIdentity("colours", "1", "0" * 64)


def decision(label: str | None, index: int = 0, *, changed: bool = True) -> Decision:
    return Decision(
        camera="cam",
        label=label,
        confidence=0.9,
        unknown_reason=None if label else "low_score",
        previous=None,
        since=1.0,
        timestamp=2.0 + index,
        changed=changed,
        frame_index=index,
        frame_age_ms=1,
        inference_ms=1,
        top=(LabelScore("red", 0.9),),
    )


@contextmanager
def sinking(url: str, *, up: bool = True, rate: float = 1e6, path: Path | None = None) -> Iterator[MqttSink]:
    labels = ("blue", "green", "red")
    topics = Topics("edge", "pi", MODEL)
    with closing(Outbox(path, OutboxLimits(rate=rate))) as outbox:
        login = Login(parse_broker_url(url), "agent-pi", topics.device_availability(online=False))
        sink = MqttSink(login, topics, labels=labels, outbox=outbox)
        sink.start()
        try:
            if up:
                sink.require(10)
            yield sink
        finally:
            sink.close(10 if up else 0)


def publish_all(sink: MqttSink, numbers: range) -> None:
    for number in numbers:
        sink.publish(decision(f"label-{number}", number), number)


def sequences(subscriber: Subscriber) -> list[int]:
    return [event["sequence"] for event in subscriber.events()]


def test_a_decision_becomes_an_event_a_state_and_a_label(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber, sinking(mosquitto.url) as sink:
        sink.camera_availability("cam", online=True)
        sink.publish(decision("red"), 1)
        subscriber.wait_for(lambda: len(subscriber.messages) == 5, "five messages")
        found = {message.topic: message.text for message in subscriber.messages}
    assert found["edge/pi/availability"] == "online"
    assert found["edge/pi/cam/availability"] == "online"
    assert found["edge/pi/cam/label"] == "red"
    assert json.loads(found["edge/pi/cam/state"]) == json.loads(found["edge/pi/cam/event"])


def test_what_is_retained_is_there_for_who_comes_late(mosquitto: Mosquitto) -> None:
    with sinking(mosquitto.url) as sink:
        sink.camera_availability("cam", online=True)
        sink.publish(decision("red"), 1)
        wait_until(lambda: sink.report()["events_waiting"] == 0, "the acknowledgement")
        with Subscriber(mosquitto.port) as late:
            late.wait_for(lambda: len(late.messages) == 4, "four retained messages")
            found = {(message.topic, message.qos, message.retain) for message in late.messages}
    topics = ("availability", "cam/availability", "cam/label", "cam/state")
    assert found == {(f"edge/pi/{topic}", 1, True) for topic in topics}


def test_what_did_not_change_is_only_remembered(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber, sinking(mosquitto.url) as sink:
        sink.publish(decision("red", 0), 1)
        sink.publish(decision("red", 5, changed=False), 1)
        sink.refresh("cam")
        subscriber.wait_for(lambda: len(subscriber.on("/state")) == 2, "the heartbeat")
        assert [message.record["frame"] for message in subscriber.on("/state")] == [0, 5]
        assert len(subscriber.events()) == 1


def test_many_events_at_full_speed_arrive_once_and_in_order(mosquitto: Mosquitto) -> None:
    numbers = range(1, 1501)
    with Subscriber(mosquitto.port, "edge/+/+/event") as subscriber, sinking(mosquitto.url) as sink:
        publish_all(sink, numbers)
        subscriber.wait_for(lambda: len(subscriber.messages) >= len(numbers), "all events")
        wait_until(lambda: sink.report()["events_waiting"] == 0, "the acknowledgements")
    assert sequences(subscriber) == list(numbers)


def test_under_a_flood_states_are_left_out_but_the_last(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber, sinking(mosquitto.url) as sink:
        publish_all(sink, range(1, 1001))
        subscriber.wait_for(lambda: len(subscriber.events()) == 1000, "all events")
        subscriber.wait_for_text("/label", "label-1000")
        states = [message.record["sequence"] for message in subscriber.on("/state")]
    assert states == sorted(set(states))
    assert states[-1] == 1000
    assert len(states) < 1000


def test_events_of_a_time_without_broker_arrive_once_and_in_order(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker", lasting=True) as broker,
        Subscriber(broker.port, session="keeper") as subscriber,
        sinking(broker.url) as sink,
    ):
        publish_all(sink, range(1, 4))
        subscriber.wait_for(lambda: len(subscriber.events()) == 3, "the first events")
        wait_until(lambda: sink.report()["events_waiting"] == 0, "the acknowledgements")
        broker.stop()
        wait_until(lambda: sink.report()["broker"] != "connected", "the loss")
        publish_all(sink, range(4, 60))
        broker.start()
        subscriber.wait_for(lambda: len(subscriber.events()) >= 59, "all events")
        wait_until(lambda: sink.report()["events_waiting"] == 0, "the acknowledgements")
        subscriber.wait_for_text("/label", "label-59")
    assert sequences(subscriber) == list(range(1, 60))


def test_after_a_time_without_broker_the_present_comes_before_the_past(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker", lasting=True) as broker,
        Subscriber(broker.port, session="keeper") as subscriber,
    ):
        broker.stop()
        with sinking(broker.url, up=False, rate=100) as sink:
            publish_all(sink, range(1, 101))
            broker.start()
            wait_until(lambda: sink.poll() or sink.report()["events_waiting"] == 0, "all events")
            subscriber.wait_for(lambda: len(subscriber.events()) == 100, "all events")
        kinds = [message.topic.rpartition("/")[2] for message in subscriber.messages if not message.retain]
        states = [message.record["sequence"] for message in subscriber.on("/state") if not message.retain]
    assert kinds.index("state") < kinds.index("event")
    assert states[0] == 100


def test_what_waits_at_the_end_is_sent_at_the_next_start(tmp_path: Path, mosquitto: Mosquitto) -> None:
    path = tmp_path / "outbox.sqlite"
    with sinking(f"mqtt://127.0.0.1:{free_port()}", up=False, path=path) as sink:
        publish_all(sink, range(1, 6))
    with Subscriber(mosquitto.port) as subscriber:
        with sinking(mosquitto.url, path=path) as sink:
            publish_all(sink, range(6, 8))
        assert sequences(subscriber) == list(range(1, 8))


def test_birth_and_state_are_published_again_after_the_broker_was_away(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker", lasting=True) as broker,
        Subscriber(broker.port, session="keeper") as subscriber,
        sinking(broker.url) as sink,
    ):
        sink.camera_availability("cam", online=True)
        sink.publish(decision("red"), 1)
        subscriber.wait_for(subscriber.events, "the first event")
        broker.stop()
        wait_until(lambda: sink.report()["broker"] != "connected", "the loss")
        sink.publish(decision("green", 1), 2)
        sink.publish(decision("green", 9, changed=False), 2)
        before = len(subscriber.messages)
        broker.start()
        subscriber.wait_for(lambda: len(subscriber.messages) >= before + 5, "birth and state")
        again = [message.topic for message in subscriber.messages[before:] if not message.retain]
        states = [message.record["frame"] for message in subscriber.on("/state")]
    assert set(again) >= {f"edge/pi/{topic}" for topic in ("availability", "cam/availability", "cam/label")}
    assert states[-1] == 9
    assert sequences(subscriber) == [1, 2]


def test_a_broker_that_comes_late_gets_all(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", lasting=True)
    try:
        broker.start()
        with Subscriber(broker.port, session="keeper") as subscriber:
            broker.stop()
            with sinking(broker.url, up=False) as sink:
                publish_all(sink, range(1, 30))
                broker.start()
                subscriber.wait_for(lambda: len(subscriber.events()) >= 29, "all events")
                wait_until(lambda: sink.report()["events_waiting"] == 0, "the acknowledgements")
            assert sequences(subscriber) == list(range(1, 30))
    finally:
        broker.stop()


def test_a_clean_stop_says_offline_after_all_else(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber:
        with sinking(mosquitto.url) as sink:
            publish_all(sink, range(1, 200))
        subscriber.wait_for_text("pi/availability", "offline")
        assert sequences(subscriber) == list(range(1, 200))
        assert subscriber.messages[-1].topic == "edge/pi/availability"


def test_scores_and_stats_go_out(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber, sinking(mosquitto.url) as sink:
        sink.scores(
            Frame("cam", 3, np.zeros((8, 8, 3), np.uint8), 1.0, 2.0, 3.0),
            5.0,
            np.array([0.1, 0.2, 0.7], np.float32),
        )
        sink.stats({"uptime_s": 1})
        subscriber.wait_for(lambda: subscriber.on("/scores") and subscriber.on("pi/stats"), "both")
        (scores,) = subscriber.on("/scores")
    assert scores.record["scores"] == {"blue": 0.1, "green": 0.2, "red": 0.7}


def test_events_that_the_broker_refuses_for_now_are_kept_and_come_in_order(mosquitto: Mosquitto) -> None:
    with (
        Refusing(mosquitto.port, QUOTA_EXCEEDED) as relay,
        Subscriber(mosquitto.port) as subscriber,
        sinking(relay.url) as sink,
    ):
        publish_all(sink, range(1, 50))
        wait_until(lambda: sink.poll() or len(relay.refused) > len(set(relay.refused)), "a second offer")
        assert sink.report()["events_waiting"] == 49
        assert sink.liveness().answered > 0
        assert sequences(subscriber) == []
        relay.code = None
        wait_until(lambda: sink.poll() or sink.report()["events_waiting"] == 0, "all events")
        subscriber.wait_for(lambda: len(subscriber.events()) >= 49, "all events")
        assert sink.report()["events_dropped"] == 0
    assert sequences(subscriber) == list(range(1, 50))


def test_what_is_to_be_retained_is_said_again_after_a_refusal_for_now(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retained_state, "ANNOUNCE_AGAIN_S", 0.1)
    with (
        Refusing(mosquitto.port, QUOTA_EXCEEDED, b"/label") as relay,
        Subscriber(mosquitto.port) as subscriber,
        sinking(relay.url) as sink,
    ):
        publish_all(sink, range(1, 2))
        wait_until(lambda: relay.refused, "the refusal")
        assert not subscriber.on("/label")
        relay.code = None
        wait_until(lambda: sink.poll() or subscriber.on("/label"), "the label")


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x90, 0x99])
def test_events_that_the_broker_refuses_for_good_are_dropped_and_counted(
    mosquitto: Mosquitto, code: int
) -> None:
    with Refusing(mosquitto.port, code) as relay, sinking(relay.url) as sink:
        publish_all(sink, range(1, 4))
        wait_until(lambda: sink.report()["events_waiting"] == 0, "the refusals")
        assert len(relay.refused) == 3
        assert (sink.report()["events_dropped"], sink.report()["events_acknowledged"]) == (3, 0)


def test_a_required_broker_that_is_not_there_is_an_error() -> None:
    with (
        sinking(f"mqtt://127.0.0.1:{free_port()}", up=False) as sink,
        pytest.raises(BrokerUnavailableError, match=r"is not available: unreachable.*refused"),
    ):
        sink.require(1)


def test_closing_without_a_broker_waits_only_so_long() -> None:
    with sinking(f"mqtt://127.0.0.1:{free_port()}", up=False) as sink:
        publish_all(sink, range(1, 4))
        assert sink.report()["events_waiting"] == 3


def test_stdout_is_one_json_object_a_line() -> None:
    stream = io.StringIO()
    sink = StdoutSink(SinkContext("pi", MODEL, (), stream))
    sink.publish(decision("Grün"), 1)
    sink.publish(decision(None, 1, changed=False), 1)
    one, other = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (one["label"], one["device"], one["sequence"], one["changed"]) == ("Grün", "pi", 1, True)
    assert (other["label"], other["unknown_reason"], other["changed"]) == (None, "low_score", False)
