"""Live cameras over the network, and cameras that go away, through the real command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber
from tests.support.cameras.mjpeg import MjpegCamera
from tests.support.cameras.rtsp_server import rtsp_camera
from tests.support.tools import wait_until


def test_an_rtsp_camera_delivers_labels(tmp_path: Path, golden: Path) -> None:
    with rtsp_camera(0xC82828) as (address, _):
        command = ("--camera", address, "--model", golden, "--stdout", "--frames", 15)
        with EdgeAgent(tmp_path, *command) as agent:
            assert agent.wait() == 0
    assert agent.records[-2]["label"] == "red"
    assert agent.records[-1]["camera"] == "127-0-0-1"
    ages = [record["frame_age_ms"] for record in agent.records[1:-1]]
    assert max(ages) < 2000


def test_an_rtsp_camera_that_dies_is_unknown_and_comes_back_with_another_size(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto
) -> None:
    with Subscriber(mosquitto.port) as subscriber, rtsp_camera(0xC82828) as (address, server):
        port = int(address.split(":")[2].split("/")[0])
        command = ("--camera", f"door={address}", "--model", golden, "--broker", mosquitto.url)
        with EdgeAgent(tmp_path, *command, "--max-frame-age", 1) as agent:
            subscriber.wait_for_text("door/label", "red")
            server.kill()
            subscriber.wait_for_text("door/availability", "offline")
            subscriber.wait_for_text("door/label", "unknown")
            subscriber.wait_for(
                lambda: subscriber.events("door")[-1]["unknown_reason"] == "no_frames", "the event"
            )
            with rtsp_camera(0x28C828, port, "320x180"):
                subscriber.wait_for_text("door/label", "green")
                assert agent.stop() == 0
    told = [message.text for message in subscriber.on("door/availability")]
    first = told.index("online")  # opening the stream may take longer than the age limit
    assert told[first : first + 3] == ["online", "offline", "online"]


def test_an_http_camera_delivers_labels(tmp_path: Path, golden: Path) -> None:
    with MjpegCamera("blue") as camera:
        command = ("--camera", camera.address, "--model", golden, "--stdout", "--frames", 15)
        with EdgeAgent(tmp_path, *command) as agent:
            assert agent.wait() == 0
    assert agent.records[-2]["label"] == "blue"


def test_large_pictures_of_an_http_camera_may_be_decoded_small(tmp_path: Path, golden: Path) -> None:
    (tmp_path / "agent.toml").write_text("reduce_jpegs = true\nfps = 5\n")
    with MjpegCamera("blue") as camera:
        camera.show("blue", 1280, 720)
        command = ("--camera", camera.address, "--model", golden, "--stdout", "--frames", 10)
        with EdgeAgent(tmp_path, *command, "--config", tmp_path / "agent.toml") as agent:
            assert agent.wait() == 0
    assert agent.records[-2]["label"] == "blue"
    assert agent.records[-2]["frame"] >= 16  # of 20 a second every fourth


@pytest.mark.skipif(
    int(cv2.__version__.partition(".")[0]) < 5, reason="OpenCV 4 goes on giving the picture before the change"
)
def test_a_stream_may_change_its_size_on_the_way(tmp_path: Path, golden: Path) -> None:
    with MjpegCamera("blue") as camera:
        command = ("--camera", camera.address, "--model", golden, "--stdout")
        with EdgeAgent(tmp_path, *command) as agent:
            for label, width, height in (("red", 320, 180), ("green", 96, 128)):
                wait_until(lambda: len(agent.records) > 10, "decisions")
                camera.show(label, width, height)
                wait_until(lambda: agent.records[-1]["label"] == label, label)  # noqa: B023
            assert agent.stop() == 0
    assert "lost" not in agent.stderr


@pytest.mark.parametrize("address", ["rtsp://me:secret@127.0.0.1:1/x", "http://me:secret@127.0.0.1:1/x"])
def test_a_stream_that_is_not_there_is_waited_for(tmp_path: Path, golden: Path, address: str) -> None:
    command = ("--camera", f"cam={address}", "--model", golden, "--stdout", "--max-frame-age", 0.5)
    with EdgeAgent(tmp_path, *command) as agent:
        agent.wait_for_log("can't open the camera")
        wait_until(lambda: len(agent.records) >= 2, "no_frames")
        seen = Path(f"/proc/{agent.process.pid}/cmdline").read_bytes()
        assert agent.stop() == 0
    assert agent.records[-1]["unknown_reason"] == "no_frames"
    assert "secret" not in agent.stderr + agent.stdout
    assert b"secret" not in seen
    assert b"127.0.0.1:1/x" in seen


@contextmanager
def camera_with_login(scheme: str) -> Iterator[str]:
    """The address of a red camera that wants `me:right`."""
    if scheme == "rtsp":
        with rtsp_camera(0xC82828, login="me:right") as (address, _):
            yield address
    else:
        with MjpegCamera("red", login="me:right") as camera:
            yield camera.address


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_wrong_password_is_told_nowhere(tmp_path: Path, golden: Path, scheme: str) -> None:
    with camera_with_login(scheme) as address:
        wrong = address.replace("//", "//me:sesame@")
        command = ("--camera", f"cam={wrong}", "--model", golden, "--stdout", "--debug")
        with EdgeAgent(tmp_path, *command) as agent:
            agent.wait_for_log("can't open the camera")
            assert agent.stop() == 0
        assert "sesame" not in agent.stderr + agent.stdout
        right = address.replace("//", "//me:right@")
        with EdgeAgent(tmp_path, "--camera", right, "--model", golden, "--stdout", "--frames", 5) as agent:
            assert agent.wait() == 0
    assert agent.records[-2]["label"] == "red"


def test_a_camera_that_comes_and_goes_is_told_to_subscribers(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto
) -> None:
    address = "cam=test://?size=64x48&fps=50&frames=20&gone=1"
    command = ("--camera", address, "--model", golden, "--broker", mosquitto.url, "--max-frame-age", 0.5)
    with Subscriber(mosquitto.port) as subscriber, EdgeAgent(tmp_path, *command) as agent:
        subscriber.wait_for(
            lambda: (
                [m.text for m in subscriber.on("cam/availability")][:3] == ["online", "offline", "online"]
            ),
            "going and coming back",
        )
        assert agent.stop() == 0
        subscriber.wait_for_text("cam/availability", "offline")
    reasons = [event["unknown_reason"] for event in subscriber.events("cam")]
    assert "no_frames" in reasons
    assert [event["sequence"] for event in subscriber.events("cam")] == list(range(1, len(reasons) + 1))
