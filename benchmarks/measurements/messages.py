"""Messages a second through sink, outbox and a real Mosquitto on loopback.

Events are offered as fast as the sink takes them, each on disk before the next, until the broker has all of
them. Their floors in the same round: bare commits of the same rows, and bare publishes of the same payload.
Then the other way round: how much longer a frame takes with an event at each.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.comparison import Comparison, Effort, Findings, Part
from benchmarks.programs.counting import Arrivals
from benchmarks.subjects.models import LABELS, model_file
from edge.model.interpreter import Network
from edge.publish.mqtt.address import parse_broker_url
from edge.publish.mqtt.connection import Login
from edge.publish.mqtt.sink import MqttSink
from edge.publish.outbox.outbox import Outbox, OutboxLimits
from edge.publish.topics import Topics
from edge.records import Decision, Frame, Message, ModelIdentity, ranked
from tests.support.brokers.mosquitto import Mosquitto

EVENTS_GOAL, SCORES_GOAL = 2_000.0, 10_000.0  # a second
FRAME_TIME_GOAL, FRAMES_PER_S, WARM_UP_FRAMES = 1.1, 30, 60
EVENTS_PER_S, SCORES_PER_S = 800, 4_000  # about; so many are sent for each second of the effort
UNLIMITED = ("max_queued_messages 0", "max_inflight_messages 0")  # a slow subscriber loses nothing
TIMEOUT_S = 120.0
NAMES = tuple(f"label {number}" for number in range(LABELS))
VALUES = np.linspace(0.01, 0.19, LABELS, dtype=np.float32)
TOPICS = Topics("edge", "bench", ModelIdentity("mobilenet", "1", "0" * 64))


def run(work: Path, effort: Effort) -> Findings:
    """Events and scores."""
    if not Arrivals.can_be_counted():
        return Findings(skipped="mosquitto_sub is not there")
    with Mosquitto(work / "messages-broker", options=UNLIMITED) as broker:
        return Findings((*_rates(broker, work, effort), _frame_times(broker, work, effort)))


def _rates(broker: Mosquitto, work: Path, effort: Effort) -> tuple[Comparison, ...]:
    events, scores = round(EVENTS_PER_S * effort.seconds), round(SCORES_PER_S * effort.seconds)
    turns = [
        (
            _events(broker, work, events),
            _commits(work, events),
            _bare(broker, TOPICS.event(_decision(1), 1), events),
            _scores(broker, scores),
            _bare(broker, _scores_message(), scores),
        )
        for _ in range(effort.rounds)
    ]
    durable, commits, publishes, sent, bare = zip(*turns, strict=True)
    goals = (EVENTS_GOAL,) * len(turns), (SCORES_GOAL,) * len(turns)
    return (
        Comparison("durable events", durable, "the goal", goals[0], "a second", goal=1.0),
        Comparison("durable events", durable, "bare commits", commits, "a second"),
        Comparison("durable events", durable, "bare publishes at QoS 1", publishes, "a second"),
        Comparison("scores at QoS 0", sent, "the goal", goals[1], "a second", goal=1.0),
        Comparison("scores at QoS 0", sent, "bare publishes at QoS 0", bare, "a second"),
    )


def _frame_times(broker: Mosquitto, work: Path, effort: Effort) -> Comparison:
    network = Network(model_file("mobilenet_v2_160", work).read_bytes(), threads=1)
    frames = max(WARM_UP_FRAMES, round(FRAMES_PER_S * effort.seconds))
    turns = [
        (_slow_frames(network, broker, work, frames, changed=changed) for changed in (True, False))
        for _ in range(effort.rounds)
    ]
    with_events, without = zip(*turns, strict=True)
    what = "p99 of a frame's time, an event at each"
    return Comparison(what, with_events, "no events", without, "ms", better="low", goal=FRAME_TIME_GOAL)


def _slow_frames(network: Network, broker: Mosquitto, work: Path, frames: int, *, changed: bool) -> float:
    """The 99th percentile of infer → publish, in milliseconds, at a camera's pace."""
    with closing(Outbox(_fresh(work / "messages-frames.sqlite"), OutboxLimits(rate=1e9))) as outbox:
        sink = _sink(broker, outbox)
        times_ms = []
        due_s = time.perf_counter()
        for number in range(1, frames + 1):
            due_s += 1 / FRAMES_PER_S
            time.sleep(max(0.0, due_s - time.perf_counter()))
            started_s = time.perf_counter()
            network.invoke()
            sink.publish(dataclasses.replace(_decision(number), changed=changed), number)
            times_ms.append((time.perf_counter() - started_s) * 1e3)
        sink.close(TIMEOUT_S)
    return float(np.percentile(times_ms[WARM_UP_FRAMES // 2 :], 99))


def _events(broker: Mosquitto, work: Path, count: int) -> float:
    """From the first event to the last acknowledgement; a subscriber must have had each."""
    file = _fresh(work / "messages-outbox.sqlite")
    limits = OutboxLimits(max_bytes=10**9, rate=1e9)
    with closing(Outbox(file, limits)) as outbox, Arrivals(broker, "edge/+/+/event", count) as arrivals:
        sink = _sink(broker, outbox)
        started_s = time.perf_counter()
        for number in range(1, count + 1):
            sink.publish(_decision(number), number)
        _wait(lambda: sink.report()["events_waiting"] == 0)
        seconds = time.perf_counter() - started_s
        arrivals.wait(TIMEOUT_S)
        sink.close(TIMEOUT_S)
    return count / seconds


def _scores(broker: Mosquitto, count: int) -> float:
    """From the first frame's scores until a subscriber has had all."""
    frame = Frame("cam", 3, np.zeros((8, 8, 3), np.uint8), 1.0, 2.0, 3.0)
    with closing(Outbox()) as outbox, Arrivals(broker, "edge/+/+/scores", count) as arrivals:
        sink = _sink(broker, outbox)
        started_s = time.perf_counter()
        for _ in range(count):
            sink.scores(frame, 5.0, VALUES)
        arrivals.wait(TIMEOUT_S)
        seconds = time.perf_counter() - started_s
        sink.close(TIMEOUT_S)
    return count / seconds


def _bare(broker: Mosquitto, message: Message, count: int) -> float:
    """One message again and again by nothing but paho, until a subscriber has had all."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        with Arrivals(broker, message.topic, count) as arrivals:
            started_s = time.perf_counter()
            for _ in range(count):
                client.publish(message.topic, message.payload, message.qos)
            arrivals.wait(TIMEOUT_S)
            return count / (time.perf_counter() - started_s)
    finally:
        client.disconnect()
        client.loop_stop()


def _commits(work: Path, count: int) -> float:
    """One row a commit, with the outbox's settings."""
    event = TOPICS.event(_decision(1), 1)
    with closing(sqlite3.connect(_fresh(work / "messages-bare.sqlite"), isolation_level=None)) as database:
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TABLE events (key INTEGER PRIMARY KEY, topic TEXT, payload BLOB, stamp_s)")
        started_s = time.perf_counter()
        for _ in range(count):
            database.execute("INSERT INTO events VALUES (NULL, ?, ?, 0)", (event.topic, event.payload))
        return count / (time.perf_counter() - started_s)


def _sink(broker: Mosquitto, outbox: Outbox) -> MqttSink:
    sink = MqttSink(Login(parse_broker_url(broker.url), "bench"), TOPICS, labels=NAMES, outbox=outbox)
    sink.start()
    sink.require(TIMEOUT_S)
    return sink


def _decision(number: int) -> Decision:
    return Decision(
        camera="cam",
        label=NAMES[number % LABELS],
        confidence=0.9,
        unknown_reason=None,
        previous=NAMES[(number - 1) % LABELS],
        since=1.0,
        timestamp=2.0 + number,
        changed=True,
        frame_index=number,
        frame_age_ms=5.0,
        inference_ms=3.0,
        top=ranked(NAMES, VALUES),
    )


def _scores_message() -> Message:
    frame = Frame("cam", 3, np.zeros((8, 8, 3), np.uint8), 1.0, 2.0, 3.0)
    return TOPICS.scores(frame, 5.0, NAMES, VALUES)


def _fresh(file: Path) -> Path:
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()
    return file


def _wait(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the broker does not acknowledge all events")
        time.sleep(0.001)


WHY_MISSED = (
    "The 99th percentile of some hundred frames is what a few of them had to wait; it lies about the "
    "goal on both sides from run to run (LOG.md)."
)
PART = Part("messages", "Messages a second", run, quick=False, why=WHY_MISSED)
