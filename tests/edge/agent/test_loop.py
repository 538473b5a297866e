"""The loop, in this process: real model, real recordings, the public test camera, a sink that remembers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.capture.capture import CaptureOptions
from edge.capture.frame_quality import QualityCheck
from edge.capture.inbox import Inbox
from edge.capture.live_capture import LiveCapture
from edge.capture.shared_capture import make_capture
from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import Picture, make_opener
from edge.capture.views import View
from edge.decide.decider import DecisionRules
from edge.errors import CameraUnavailableError, RecordingError
from edge.infer.classifier import Classifier
from edge.publish.remote.control import Control
from edge.publish.topics import TopicNames
from edge.records import Decision, Limits, Message
from tests.support.agents.loop import Loop, build_loop
from tests.support.agents.recorder import RecordingSink
from tests.support.cameras.videos import write_video
from tests.support.tools import wait_until

Build = Callable[..., tuple[Loop, RecordingSink]]


@pytest.fixture
def build(classifier: Classifier) -> Build:
    def built(
        *addresses: object,
        stop: threading.Event | None = None,
        window: int = 3,
        control: Control | None = None,
        threshold: float = 0.5,
        others: tuple[RecordingSink, ...] = (),
        **options: object,
    ) -> tuple[Loop, RecordingSink]:
        inbox, sink, captures = Inbox(), RecordingSink(), []
        for number, address in enumerate(addresses):
            source, name = parse_source(str(address)), f"cam{number or ''}"
            how = CaptureOptions(views=(View(name, quality=QualityCheck(frozen_after_s=1.0)),))
            captures.append(make_capture(name, make_opener(source), inbox, how, live=source.live))
        rules, end = DecisionRules(Limits(threshold), window), stop or threading.Event()
        sinks = [sink, *others]
        loop = build_loop(captures, inbox, classifier, sinks, end, rules=rules, control=control, **options)
        return loop, sink

    return built


@contextmanager
def running(loop: Loop, stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=loop.agent.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_every_frame_of_a_recording_is_judged_in_order(build: Build, tmp_path: Path) -> None:
    loop, sink = build(write_video(tmp_path / "v.mp4", [("red", 10), ("blue", 10)]))
    loop.agent.run()
    assert [decision.frame_index for decision, _ in sink.decisions] == [None, *range(20), None]
    assert sink.changes() == ["starting", "red", "blue", "no_frames"]
    assert [number for decision, number in sink.decisions if decision.changed] == [1, 2, 3, 4]
    assert sink.availability == [("cam", True), ("cam", False)]
    assert sink.calls == ["start", "close"]


def test_a_state_carries_the_number_of_its_last_event(build: Build, tmp_path: Path) -> None:
    loop, sink = build(write_video(tmp_path / "v.mp4", [("red", 10)]))
    loop.agent.run()
    assert [number for _, number in sink.decisions] == [1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3]


def test_one_odd_frame_does_not_flip_the_label(build: Build, tmp_path: Path) -> None:
    track = [("red", 10), ("blue", 1), ("red", 10)]
    loop, sink = build(write_video(tmp_path / "v.mp4", track), window=5)
    loop.agent.run()
    assert sink.changes() == ["starting", "red", "no_frames"]


def test_cameras_do_not_mix(build: Build, tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{label}.mp4", [(label, 15)]) for label in ("red", "green", "blue")]
    loop, sink = build(*videos)
    loop.agent.run()
    for name, label in (("cam", "red"), ("cam1", "green"), ("cam2", "blue")):
        assert sink.changes(name) == ["starting", label, "no_frames"]


def test_a_failed_recording_is_raised_after_the_others_are_done(build: Build, tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_text("no video")
    loop, sink = build(tmp_path / "no.mp4", write_video(tmp_path / "v.mp4", [("red", 15)]))
    with pytest.raises(RecordingError, match=r"no\.mp4"):
        loop.agent.run()
    assert sink.changes("cam1") == ["starting", "red", "no_frames"]
    assert sink.calls[-1] == "close"


def test_a_camera_that_stops_is_unknown_and_offline_and_comes_back(build: Build) -> None:
    stop = threading.Event()
    address = "test://?size=16x16&fps=50&frames=10&gone=0.8"
    loop, sink = build(address, stop=stop, max_frame_age_s=0.3)
    with running(loop, stop):
        wait_until(lambda: sink.availability[:3] == [("cam", True), ("cam", False), ("cam", True)], "return")
        wait_until(lambda: "starting" in sink.changes()[2:], "new frames")
    assert sink.changes()[0] == "starting"
    gone = sink.changes().index("no_frames")
    assert sink.changes()[gone + 1] == "starting"
    assert sink.availability[-1] == ("cam", False)


def test_a_camera_that_shows_nothing_is_unknown_for_that_reason_and_comes_back(build: Build) -> None:
    stop = threading.Event()
    spoilt = "black=40,80&white=120,160&freeze=200,280"
    address = f"test://?size=64x64&fps=50&{spoilt}"
    loop, sink = build(address, stop=stop, threshold=0.3, max_frame_age_s=5.0)
    with running(loop, stop):
        wait_until(lambda: sink.changes()[-2:] == ["frozen", "starting"], "all three")
        wait_until(lambda: sink.decisions[-1][0].label, "a label again")
    label = sink.changes()[1]
    good = ["starting", label]
    assert label in ("blue", "green", "red")
    assert sink.changes() == [*good, "dark", *good, "bright", *good, "frozen", *good, "no_frames"]
    assert sink.availability == [("cam", True), ("cam", False)]
    report = loop.shared.health.report({"cam": loop.sessions[0].capture.status})
    assert report["cameras"]["cam"]["blind"] > 20
    reason_frames = [
        d.frame_index for d, _ in sink.decisions if d.unknown_reason in ("dark", "bright", "frozen")
    ]
    assert reason_frames
    assert None not in reason_frames


def test_frames_that_show_nothing_count_as_frames_asked_for(build: Build) -> None:
    loop, sink = build("test://?size=64x64&fps=50&black=0,1000", frames=5)
    loop.agent.run()
    assert sink.changes() == ["starting", "dark", "no_frames"]
    assert len(sink.decisions) == 7


def test_a_camera_that_never_came_is_unknown_and_offline(build: Build) -> None:
    stop = threading.Event()
    loop, sink = build("/dev/video97", stop=stop, max_frame_age_s=0.2)
    with running(loop, stop):
        wait_until(lambda: sink.availability, "the finding")
    assert sink.changes() == ["starting", "no_frames"]
    assert sink.availability == [("cam", False)]


def test_a_required_camera_that_never_came_is_fatal(build: Build) -> None:
    loop, sink = build("/dev/video97", max_frame_age_s=0.2, require_camera=True)
    with pytest.raises(CameraUnavailableError, match=r"is required and not there.*video97"):
        loop.agent.run()
    assert sink.calls == ["start", "close"]


def test_a_camera_can_be_asked_for_so_many_frames(build: Build) -> None:
    loop, sink = build("test://?size=16x16&fps=100", frames=5)
    loop.agent.run()
    judged = [decision.frame_index for decision, _ in sink.decisions if decision.frame_index is not None]
    assert len(judged) == 5


def test_a_camera_can_be_asked_for_so_many_seconds(build: Build) -> None:
    loop, sink = build("test://?size=16x16&fps=100", duration_s=0.4)
    loop.agent.run()
    judged = [decision.timestamp for decision, _ in sink.decisions if decision.frame_index is not None]
    assert 0.2 < judged[-1] - judged[0] < 1.5


def test_a_duration_ends_a_camera_that_never_came_too(build: Build) -> None:
    loop, sink = build("/dev/video97", duration_s=0.3, max_frame_age_s=0.1)
    loop.agent.run()
    assert sink.changes() == ["starting", "no_frames"]


def test_the_state_is_repeated_as_a_heartbeat(build: Build) -> None:
    stop = threading.Event()
    loop, sink = build("test://?size=16x16&fps=50", stop=stop, heartbeat_s=0.2)
    with running(loop, stop):
        wait_until(lambda: len(sink.refreshed) >= 3, "heartbeats")


def test_stats_are_told_at_their_interval(build: Build) -> None:
    stop = threading.Event()
    loop, sink = build("test://?size=16x16&fps=50", stop=stop, stats_interval_s=0.3)
    with running(loop, stop):
        wait_until(lambda: len(sink.reports) >= 2, "two reports")
    report = sink.reports[1]
    assert report["sink"] == "fine"
    assert report["cameras"]["cam"]["classified"] > 0
    assert report["latency_ms"].keys() == {"wait", "preprocess", "inference", "publish", "frame_age"}
    assert (report["watchdog"], report["stuck"]) == ("off", None)


def test_scores_are_told_only_when_asked_for(build: Build, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [("red", 5)])
    for wanted, expected in ((False, []), (True, list(range(5)))):
        loop, sink = build(video, publish_scores=wanted)
        loop.agent.run()
        assert sink.frames_scored == expected


def test_an_agent_that_is_stopped_before_it_begins_ends_at_once(build: Build) -> None:
    stop = threading.Event()
    stop.set()
    loop, sink = build("test://", stop=stop, start_after_s=60)
    loop.agent.run()
    assert sink.calls == ["start", "close"]


def test_the_loop_turns_while_it_waits_before_the_cameras_start(build: Build) -> None:
    stop, told = threading.Event(), list[Message]()
    control = Control(TopicNames("edge", "pi"), {"cam": 0.5, "cam1": 0.5}, told.append)
    cameras = ("test://?size=16x16&fps=50", "test://?size=16x16&fps=50")
    options = {"start_after_s": 1.0, "stats_interval_s": 0.1, "heartbeat_s": 0.2, "max_frame_age_s": 0.3}
    loop, sink = build(*cameras, stop=stop, control=control, **options)
    control.receive(Message("edge/pi/cam1/enabled/set", b"OFF"))
    with running(loop, stop):
        wait_until(lambda: sink.reports, "a report")
        waiting = sink.reports[0]["cameras"]["cam"]
        assert (waiting["state"], waiting["online"], waiting["frames_in"]) == ("starting", False, 0)
        wait_until(lambda: ("cam1", True) in sink.availability, "the second camera's frames")
        wait_until(lambda: len(sink.changes()) > 1, "the first camera's label")
    assert sink.availability[:2] == [("cam", False), ("cam1", False)]
    assert "cam" in sink.refreshed
    assert "no_frames" not in sink.changes()[:2]
    assert sink.changes("cam1") == ["starting", "disabled", "no_frames"]


def test_a_live_camera_that_breaks_for_good_ends_the_agent(classifier: Classifier) -> None:
    class Broken:
        def read(self) -> Picture:
            raise ValueError("the driver has gone mad")

        def close(self) -> None:
            """Nothing to close."""

    inbox, sink = Inbox(), RecordingSink()
    captures = [
        LiveCapture("good", make_opener(parse_source("test://?size=16x16")), inbox, CaptureOptions()),
        LiveCapture("bad", Broken, inbox, CaptureOptions()),
    ]
    rules, stop = DecisionRules(Limits(0.5)), threading.Event()
    loop = build_loop(captures, inbox, classifier, [sink], stop, rules=rules)
    with pytest.raises(ValueError, match="gone mad"):
        loop.agent.run()
    assert sink.changes("bad") == ["starting", "no_frames"]
    assert sink.calls[-1] == "close"


def test_a_disabled_camera_stays_disabled_when_it_is_lost(build: Build) -> None:
    stop, told = threading.Event(), list[Message]()
    control = Control(TopicNames("edge", "pi"), {"cam": 0.5}, told.append)
    address = "test://?size=16x16&fps=50&frames=40&gone=0"
    loop, sink = build(address, stop=stop, control=control, max_frame_age_s=0.3)
    with running(loop, stop):
        wait_until(lambda: len(sink.decisions) > 3, "the first decisions")
        control.receive(Message("edge/pi/cam/enabled/set", b"OFF"))
        wait_until(lambda: sink.changes()[-1] == "disabled", "the switch")
        judged = len(sink.decisions)
        wait_until(lambda: sink.availability[-1] == ("cam", False), "the loss")
        assert len(sink.decisions) == judged
        control.receive(Message("edge/pi/cam/enabled/set", b"ON"))
        wait_until(lambda: sink.changes()[-2:] == ["starting", "no_frames"], "the truth")


def test_a_camera_that_has_ended_takes_no_commands(build: Build, tmp_path: Path) -> None:
    stop, told = threading.Event(), list[Message]()
    control = Control(TopicNames("edge", "pi"), {"cam": 0.5, "cam1": 0.5}, told.append)
    video = write_video(tmp_path / "v.mp4", [("red", 5)])
    loop, sink = build(video, "test://?size=16x16", stop=stop, control=control)
    with running(loop, stop):
        wait_until(lambda: sink.changes()[-1:] == ["no_frames"], "the end of the recording")
        control.receive(Message("edge/pi/cam/enabled/set", b"OFF"))
        wait_until(lambda: any(b"the camera has ended" in message.payload for message in told), "the answer")
        assert "disabled" not in sink.changes()


def test_one_sink_that_breaks_keeps_no_other_from_its_good_end(build: Build) -> None:
    class Broken(RecordingSink):
        def publish(self, decision: Decision, sequence: int) -> None:
            raise BrokenPipeError

    loop, good = build("test://?size=16x16", others=(Broken(),))
    with pytest.raises(BrokenPipeError):
        loop.agent.run()
    assert good.calls == ["start", "close"]
    assert good.availability[-1] == ("cam", False)
