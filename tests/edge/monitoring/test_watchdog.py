"""What systemd hears over a real socket: from an agent whose capture hangs, and from the real process."""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.capture.capture import CaptureOptions
from edge.capture.inbox import Inbox
from edge.capture.live_capture import LiveCapture
from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import make_opener
from edge.decide.decider import DecisionRules
from edge.infer.classifier import Classifier
from edge.monitoring.notify import Notifier
from edge.monitoring.progress import ProgressLimits
from edge.monitoring.watchdog import Watchdog, status_line
from edge.preprocess import Image, PreprocessSpec, prepare
from edge.records import Limits
from tests.support.agents.command_line import EdgeAgent
from tests.support.agents.loop import build_loop
from tests.support.agents.recorder import RecordingSink
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import free_port, wait_until


class Systemd:
    """Listens where a service's messages arrive; `WATCHDOG_USEC` is as short as it was told."""

    def __init__(self, folder: Path, watchdog_s: float) -> None:
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(str(folder / "notify"))
        self._channel.setblocking(False)
        self._heard: list[str] = []
        self.environment = {
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": f"{watchdog_s * 1e6:.0f}",
        }

    @property
    def heard(self) -> list[str]:
        """All messages so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._heard.append(self._channel.recv(4096).decode())
        return list(self._heard)

    @property
    def fed(self) -> int:
        """How often the watchdog was fed."""
        return self.heard.count("WATCHDOG=1")

    @property
    def status(self) -> str:
        """The last STATUS."""
        lines = [text for text in self.heard if text.startswith("STATUS=")]
        return lines[-1].removeprefix("STATUS=") if lines else ""

    def close(self) -> None:
        """Leave the socket."""
        self._channel.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(tmp_path, 0.2)
    yield listening
    listening.close()


class Sticking:
    """Prepares pictures in the capture's own thread, and hangs in it from `hang` until `release` is set."""

    def __init__(self, spec: PreprocessSpec) -> None:
        self.spec = spec
        self.hang, self.release = threading.Event(), threading.Event()

    def __call__(self, pixels: Image) -> Image:
        if self.hang.is_set():
            self.release.wait(60)
        return prepare(pixels, self.spec)


def test_a_capture_that_hangs_starves_the_watchdog_until_it_moves_again(
    classifier: Classifier, systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sticking, inbox, stop = Sticking(classifier.spec), Inbox(), threading.Event()
    source = make_opener(parse_source("test://?size=16x16"))
    capture = LiveCapture("cam", source, inbox, CaptureOptions(prepare=sticking))
    sink, rules = RecordingSink(), DecisionRules(Limits(0.5))
    told: dict[str, Any] = {"notifier": Notifier(systemd.environment), "stats_interval_s": 0.1}
    told["progress"] = ProgressLimits(capture_s=0.5)
    loop = build_loop([capture], inbox, classifier, [sink], stop, rules=rules, **told)
    thread = threading.Thread(target=loop.agent.run)
    thread.start()
    try:
        wait_until(lambda: systemd.fed >= 3, "the watchdog's food")
        assert systemd.status.startswith("running; started with a frame; 1 of 1 cameras deliver: cam")
        sticking.hang.set()
        wait_until(lambda: systemd.status.startswith("stuck"), "the finding")
        fed, reports = systemd.fed, len(sink.reports)
        wait_until(lambda: len(sink.reports) >= reports + 10, "a second, which is ten feeding times")
        assert systemd.fed == fed
        assert (sink.reports[-1]["watchdog"], sink.reports[-1]["stuck"][:11]) == ("starved", "camera cam:")
        sticking.hang.clear()
        sticking.release.set()
        wait_until(lambda: systemd.fed >= fed + 3, "food again")
        assert systemd.status.startswith("running")
    finally:
        sticking.hang.clear()
        sticking.release.set()
        stop.set()
        thread.join(60)
    assert [text for text in caplog.messages if "progress" in text] == [
        "no progress: camera cam: its thread has not moved for 0.5 s; "
        "the watchdog is not fed until that changes",
        "progress again",
    ]


def test_readiness_comes_once_and_says_how(systemd: Systemd) -> None:
    watchdog = Watchdog(Notifier(systemd.environment))
    for now_s, seen in ((100.0, False), (104.9, False), (105.1, False), (106.0, True)):
        watchdog.report(now_s, {"cam": seen}, "", seen=seen)
    assert [text for text in systemd.heard if text != "WATCHDOG=1"] == [
        "STATUS=starting; no frame yet; 0 of 1 cameras deliver: none",
        "STATUS=degraded; started degraded, without a frame; 0 of 1 cameras deliver: none",
        "READY=1",
        "STATUS=running; started degraded, without a frame; 1 of 1 cameras deliver: cam",
    ]


def test_readiness_does_not_wait_for_cameras_that_start_later(systemd: Systemd) -> None:
    watchdog = Watchdog(Notifier(systemd.environment))
    for now_s, waits_s, seen in ((100.0, 90, False), (189.0, 90, False), (190.0, 0, False), (191.0, 0, True)):
        watchdog.report(now_s, {"cam": seen}, "", seen=seen, waits_s=waits_s)
    assert [text for text in systemd.heard if text != "WATCHDOG=1"] == [
        "STATUS=degraded; waiting 90 s before the cameras start; 0 of 1 cameras deliver: none",
        "READY=1",
        "STATUS=starting; no frame yet; 0 of 1 cameras deliver: none",
        "STATUS=running; started with a frame; 1 of 1 cameras deliver: cam",
    ]


@pytest.mark.parametrize(
    ("cameras", "broker", "hung", "line"),
    [
        (
            {"a": True, "b": True},
            "connected",
            None,
            "running; S; 2 of 2 cameras deliver: a, b; broker connected",
        ),
        (
            {"a": True, "b": False},
            "connected",
            None,
            "degraded; S; 1 of 2 cameras deliver: a; broker connected",
        ),
        ({"a": True}, "unreachable", None, "degraded; S; 1 of 1 cameras deliver: a; broker unreachable"),
        ({"a": True}, "", None, "running; S; 1 of 1 cameras deliver: a"),
        ({"a": True}, "", "camera a: X", "stuck; S; 1 of 1 cameras deliver: a; camera a: X"),
    ],
)
def test_the_status_line(cameras: dict[str, bool], broker: str, hung: str | None, line: str) -> None:
    assert status_line("S", cameras, broker, hung) == line


def test_nothing_that_is_only_away_starves_the_watchdog(
    tmp_path: Path, golden: Path, systemd: Systemd
) -> None:
    cameras = ("--camera", "test=test://?size=64x48", "--camera", "gone=/dev/video97")
    broker = ("--broker", f"mqtt://127.0.0.1:{free_port()}", "--drain-timeout", 0)
    with EdgeAgent(tmp_path, *cameras, *broker, "--model", golden, env=systemd.environment) as agent:
        wait_until(lambda: systemd.fed >= 5 and "READY=1" in systemd.heard, "food")
        wait_until(lambda: "unreachable" in systemd.status, "the broker's absence in STATUS")
        assert systemd.status.startswith(
            "degraded; started with a frame; 1 of 2 cameras deliver: test; broker"
        )
        fed = systemd.fed
        wait_until(lambda: systemd.fed >= fed + 5, "more food")
        assert agent.stop() == 0
    assert "STOPPING=1" in systemd.heard


def test_a_start_without_a_camera_is_declared_degraded(
    tmp_path: Path, golden: Path, systemd: Systemd, mosquitto: Mosquitto
) -> None:
    command = ("--camera", "/dev/video97", "--broker", mosquitto.url, "--model", golden)
    with EdgeAgent(tmp_path, *command, env=systemd.environment) as agent:
        wait_until(lambda: "READY=1" in systemd.heard, "readiness")
        status = systemd.heard[systemd.heard.index("READY=1") - 1]
        assert status.startswith("STATUS=degraded; started degraded, without a frame; 0 of 1 cameras deliver")
        assert agent.stop() == 0


def test_an_agent_that_waits_before_its_cameras_start_is_ready_and_answers(
    tmp_path: Path, golden: Path, systemd: Systemd, mosquitto: Mosquitto
) -> None:
    port = free_port()
    command = ("--camera", "front=test://", "--model", golden, "--device-id", "pi", "--start-after", 600)
    more = ("--broker", mosquitto.url, "--allow-commands", "--metrics", port)
    with (
        Subscriber(mosquitto.port) as other,
        EdgeAgent(tmp_path, *command, *more, env=systemd.environment) as agent,
    ):
        wait_until(lambda: "READY=1" in systemd.heard and systemd.fed >= 5, "readiness and food")
        waiting = "degraded; waiting 600 s before the cameras start; 0 of 1 cameras deliver: none; broker "
        assert systemd.status.startswith(waiting)
        other.wait_for_text("front/availability", "offline")
        other.publish("edge/pi/front/enabled/set", b"OFF")
        other.wait_for_text("front/enabled", "OFF")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
            assert b'edge_agent_camera_online{camera="front"} 0.0' in page.read()
        assert agent.stop() == 0
        other.wait_for(lambda: len(other.events()) == 3, "three events")
    reasons = [event["unknown_reason"] for event in other.events()]
    assert reasons == ["starting", "disabled", "no_frames"]
