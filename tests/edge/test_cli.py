"""The command line as a user types it: real processes, a real broker, real video files."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.agents.command_line import EdgeAgent, edge_agent
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber
from tests.support.cameras.videos import write_picture, write_video
from tests.support.tools import accepts, free_port, need, wait_until

TRACK = [("red", 20), ("green", 20), ("blue", 20)]


def labels(events: list[dict[str, object]]) -> list[object]:
    return [event["label"] or event["unknown_reason"] for event in events]


def one_error_line(agent: EdgeAgent) -> str:
    """The only line on stderr, where nothing else was to be logged."""
    assert len(agent.stderr.splitlines()) == 1, agent.stderr
    assert agent.stderr.startswith("error: ")
    assert "Traceback" not in agent.stderr
    return agent.stderr


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "belt.mp4", TRACK)


# ---- the agent and a broker


def test_labels_of_a_recording_reach_the_broker_in_order(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto, video: Path
) -> None:
    with Subscriber(mosquitto.port) as subscriber:
        agent = edge_agent(
            tmp_path, "--camera", video, "--model", golden, "--broker", mosquitto.url, "--device-id", "pi"
        )
        subscriber.wait_for_text("pi/availability", "offline")
    assert agent.process.returncode == 0, agent.stderr
    events = subscriber.events("pi/belt")
    assert labels(events) == ["starting", "red", "green", "blue", "no_frames"]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["previous"] for event in events] == [None, None, "red", "green", "blue"]
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert [m.text for m in subscriber.on("belt/label")][-2:] == ["blue", "unknown"]
    assert [m.text for m in subscriber.on("belt/availability")] == ["online", "offline"]


def test_numbers_go_on_after_a_restart(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto, video: Path
) -> None:
    with Subscriber(mosquitto.port) as subscriber:
        for _ in range(2):
            edge_agent(tmp_path, "--camera", video, "--model", golden, "--broker", mosquitto.url)
        subscriber.wait_for(lambda: len(subscriber.events()) == 10, "two runs")
    assert [event["sequence"] for event in subscriber.events()] == list(range(1, 11))


def test_a_login_with_password(tmp_path: Path, golden: Path, video: Path) -> None:
    secret = {"EDGE_AGENT_BROKER_PASSWORD": "hush hush"}
    with (
        Mosquitto(tmp_path / "broker", user="pi", password="hush hush") as broker,
        Subscriber(broker.port, user="pi", password="hush hush") as subscriber,
    ):
        command = ("--camera", video, "--model", golden, "--broker", broker.url)
        agent = edge_agent(tmp_path, *command, env=secret)
        subscriber.wait_for(lambda: len(subscriber.events()) == 5, "the events")
    assert agent.process.returncode == 0
    assert "hush" not in agent.stderr


def test_a_refused_login_is_said_and_the_agent_goes_on(tmp_path: Path, golden: Path) -> None:
    command = ("--camera", "test://?size=64x48", "--model", golden, "--drain-timeout", 0, "--stdout")
    with (
        Mosquitto(tmp_path / "broker", user="pi", password="right") as broker,
        EdgeAgent(
            tmp_path, *command, "--broker", broker.url, env={"EDGE_AGENT_BROKER_PASSWORD": "wrong"}
        ) as agent,
    ):
        agent.wait_for_log("refuses the login")
        wait_until(lambda: len(agent.records) > 10, "decisions")
        assert agent.stop() == 0
    assert "wrong" not in agent.stderr


def test_a_killed_agent_leaves_its_last_will(tmp_path: Path, golden: Path, mosquitto: Mosquitto) -> None:
    command = ("--camera", "test://?size=64x48", "--model", golden, "--broker", mosquitto.url)
    with Subscriber(mosquitto.port) as subscriber, EdgeAgent(tmp_path, *command) as agent:
        subscriber.wait_for(lambda: subscriber.on("test/label"), "a label")
        agent.process.send_signal(signal.SIGKILL)
        subscriber.wait_for(lambda: subscriber.messages[-1].text == "offline", "the last will")
    with Subscriber(mosquitto.port, "edge/+/availability") as late:
        late.wait_for_text("/availability", "offline")
        assert late.messages[0].retain


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto, number: signal.Signals
) -> None:
    command = ("--camera", "test://?size=64x48", "--model", golden, "--broker", mosquitto.url)
    with Subscriber(mosquitto.port) as subscriber, EdgeAgent(tmp_path, *command) as agent:
        subscriber.wait_for(lambda: subscriber.on("test/label"), "a label")
        assert agent.stop(number) == 0
        subscriber.wait_for(lambda: subscriber.messages[-1].text == "offline", "offline")
    assert "Traceback" not in agent.stderr
    with Subscriber(mosquitto.port, "edge/+/availability") as late:
        late.wait_for_text("/availability", "offline")


def test_a_broker_that_comes_late_gets_everything(tmp_path: Path, golden: Path, video: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", lasting=True)
    command = ("--camera", video, "--model", golden, "--broker", broker.url, "--drain-timeout", 20)
    try:
        broker.start()
        with Subscriber(broker.port, session="keeper") as subscriber:
            broker.stop()
            with EdgeAgent(tmp_path, *command) as agent:
                agent.wait_for_log("unreachable")
                agent.wait_for_log("belt: ended")
                broker.start()
                assert agent.wait() == 0
            subscriber.wait_for(lambda: len(subscriber.events()) == 5, "all events")
    finally:
        broker.stop()
    assert labels(subscriber.events()) == ["starting", "red", "green", "blue", "no_frames"]
    assert [event["sequence"] for event in subscriber.events()] == [1, 2, 3, 4, 5]


def test_the_embedded_broker_serves_subscribers(tmp_path: Path, golden: Path) -> None:
    need(importlib.util.find_spec("iotcore") is not None, "iotcore")
    port = free_port()
    command = ("--camera", "test://?size=64x48", "--model", golden, "--broker", f"embedded:{port}")
    with EdgeAgent(tmp_path, *command) as agent:
        agent.wait_for_log(f"embedded broker at mqtt://127.0.0.1:{port}")
        wait_until(lambda: accepts(port), "the broker")
        with Subscriber(port) as subscriber:
            subscriber.wait_for(lambda: subscriber.on("test/state"), "a state")
        assert agent.stop() == 0
    wait_until(lambda: not accepts(port), "the end of the broker")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--require-broker", "--camera", "test://"], r"the broker .* is not available: unreachable"),
        (["--require-camera", "--camera", "/dev/video97", "--stdout"], r"camera video97 is required"),
    ],
)
def test_what_is_required_and_not_there_is_fatal(
    tmp_path: Path, golden: Path, options: list[str], why: str
) -> None:
    agent = edge_agent(
        tmp_path,
        *options,
        "--model",
        golden,
        "--broker",
        f"mqtt://127.0.0.1:{free_port()}",
        "--drain-timeout",
        0,
    )
    assert agent.process.returncode == 69
    last = agent.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert re.search(why, last)


def test_systemd_hears_of_readiness_and_progress(tmp_path: Path, golden: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        command = ("--camera", "test://?size=64x48", "--model", golden, "--stdout")
        with EdgeAgent(tmp_path, *command, env=env) as agent:
            heard: list[str] = []
            while heard.count("WATCHDOG=1") < 3 or "READY=1" not in heard:
                heard.append(channel.recv(1000).decode())
            agent.process.terminate()
            while "STOPPING=1" not in heard:
                heard.append(channel.recv(1000).decode())
            assert agent.wait() == 0
    assert "STATUS=running; started with a frame; 1 of 1 cameras deliver: test" in heard


# ---- the agent and stdout


def test_stdout_is_one_json_object_a_frame(tmp_path: Path, golden: Path, video: Path) -> None:
    agent = edge_agent(tmp_path, "--camera", f"belt=./{video.name}", "--model", golden, "--stdout")
    assert agent.process.returncode == 0
    assert [record["frame"] for record in agent.records] == [None, *range(60), None]
    changed = [record for record in agent.records if record["changed"]]
    assert labels(changed) == ["starting", "red", "green", "blue", "no_frames"]
    assert changed[0]["model"].keys() == {"name", "version", "hash"}


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        (["--frames", "7"], list(range(7))),
        (["--duration", "1"], list(range(21))),
        (["--fps", "5"], list(range(0, 60, 4))),
        (["--fps", "5", "--frames", "3"], [0, 4, 8]),
    ],
)
def test_how_much_of_a_recording_is_classified(
    tmp_path: Path, golden: Path, video: Path, options: list[str], frames: list[int]
) -> None:
    agent = edge_agent(tmp_path, "--camera", video, "--model", golden, "--stdout", *options)
    assert agent.process.returncode == 0
    assert [record["frame"] for record in agent.records][1:-1] == frames


def test_several_cameras_run_at_once(tmp_path: Path, golden: Path, video: Path) -> None:
    other = write_video(tmp_path / "other.mp4", [("blue", 60)])
    cameras = ("--camera", video, "--camera", f"side={other}", "--camera", "test://?size=64x48")
    agent = edge_agent(tmp_path, *cameras, "--model", golden, "--stdout", "--frames", 30)
    assert agent.process.returncode == 0
    frames = {
        name: [r["frame"] for r in agent.records if r["camera"] == name] for name in ("belt", "side", "test")
    }
    assert frames["belt"] == frames["side"] == [None, *range(30), None]
    assert len(frames["test"]) == 32


def test_a_folder_of_images_is_a_camera(tmp_path: Path, golden: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(8):
        write_picture(folder / f"{number}.png", "green")
    (folder / "4.png").write_bytes(b"broken")
    agent = edge_agent(tmp_path, "--camera", folder, "--model", golden, "--stdout")
    assert agent.process.returncode == 0
    assert labels([agent.records[-2]]) == ["green"]
    assert "can't decode" in agent.stderr
    assert "4.png" in agent.stderr


def test_a_reader_that_leaves_ends_it_without_a_word(tmp_path: Path, golden: Path) -> None:
    command = ("--camera", "test://?size=64x48", "--model", golden, "--stdout")
    agent = EdgeAgent(tmp_path, *command, shell_suffix="| head -n 1")
    with agent:
        assert agent.wait() in (0, 1)
    assert len(agent.records) == 1
    assert "Traceback" not in agent.stderr
    assert "Exception ignored" not in agent.stderr


# ---- mistakes


def test_a_mistyped_command_is_compared_with_all_of_them(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "clasify")
    assert agent.process.returncode == 2
    assert "Did you mean 'classify'" in agent.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "why"),
    [
        ([], 2, "no camera is named"),
        (["--camera", "none.mp4"], 2, "can't use the camera 'none.mp4'"),
        (["--camera", "a=0", "--camera", "a=1"], 2, "two are called a"),
        (["--camera", "test://", "--camera", "test://"], 2, "two are called test"),
        (["--camera", "test://?colour=1", "--model", "{golden}", "--stdout"], 2, "can't use the camera"),
        (["--camera", "ftp://u:secret@h/x"], 2, "unknown ftp://"),
        (["--camera", "0", "--frames", "0"], 2, "frames"),
        (["--camera", "0", "--min-confidence", "2"], 2, "min_confidence"),
        (["--camera", "0", "--broker", "http://h", "--model", "{golden}"], 2, "not an MQTT address"),
        (["--camera", "0", "--broker", "mqtt://u:secret@h", "--model", "{golden}"], 2, "ends up in logs"),
        (["--camera", "0", "--config", "none.toml"], 78, "can't read the configuration none.toml"),
        (["--camera", "0", "--config", "unknown.toml"], 78, "line 2: framse: unknown key"),
        (
            ["--config", "camera.toml", "--model", "{golden}"],
            78,
            "camera.toml is invalid: can't use the camera",
        ),
        (["--camera", "0", "--config", "broker.toml", "--model", "{golden}"], 78, "broker.toml is invalid"),
        (["--camera", "test://", "--model", "none.tflite"], 78, "can't read the model none.tflite"),
        (["--camera", "test://", "--model", "notes.txt"], 78, "not a TFLite file"),
        (["--camera", "test://", "--model", "cut.tflite"], 78, "is damaged"),
        (["--camera", "test://", "--model", "{golden}", "--labels", "notes.txt"], 78, "other labels"),
        (["--camera", "test://", "check"], 2, "write edge-agent check --camera"),
        (["--debug", "classify", "x.png"], 2, "write edge-agent classify --debug"),
        (["classify", "none.png"], 2, "can't classify none.png"),
        (["listen", "--broker", "mqtt://127.0.0.1:1"], 69, "can't listen at the broker"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, golden: Path, arguments: list[str], exit_code: int, why: str
) -> None:
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    (tmp_path / "unknown.toml").write_text("fps = 5\nframse = 3\n")
    (tmp_path / "camera.toml").write_text('[[camera]]\nsource = "ftp://u:secret@h/x"\n')
    (tmp_path / "broker.toml").write_text('[broker]\nurl = "http://h"\n')
    (tmp_path / "cut.tflite").write_bytes(golden.read_bytes()[:20_000])
    agent = edge_agent(tmp_path, *(argument.format(golden=golden) for argument in arguments))
    assert agent.process.returncode == exit_code
    line = one_error_line(agent)
    assert why in line
    assert "secret" not in line
    assert agent.stdout == ""


def test_a_file_that_is_no_video_ends_the_agent_with_an_error(tmp_path: Path, golden: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    agent = edge_agent(tmp_path, "--camera", "notes.mp4", "--model", golden, "--stdout")
    assert agent.process.returncode == 1
    assert agent.stderr.splitlines()[-1].startswith("error: can't read the video notes.mp4")
    assert "Traceback" not in agent.stderr


def test_one_bad_recording_does_not_stop_the_others(tmp_path: Path, golden: Path, video: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    agent = edge_agent(tmp_path, "--camera", "notes.mp4", "--camera", video, "--model", golden, "--stdout")
    assert agent.process.returncode == 1
    assert [r["frame"] for r in agent.records if r["camera"] == "belt"] == [None, *range(60), None]


def test_an_unknown_option_is_a_usage_error(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "--nonsense")
    assert agent.process.returncode == 2
    assert "--nonsense" in agent.stderr


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "--camera", "none.mp4", "--debug")
    assert agent.process.returncode == 2
    assert "Traceback" in agent.stderr
    assert agent.stderr.splitlines()[-1].startswith("error: ")


# ---- the other commands


def test_check_has_one_line_a_part(tmp_path: Path, golden: Path, mosquitto: Mosquitto, video: Path) -> None:
    command = (
        "check",
        "--camera",
        video,
        "--camera",
        "test://",
        "--model",
        golden,
        "--broker",
        mosquitto.url,
    )
    agent = edge_agent(tmp_path, *command)
    assert agent.process.returncode == 0
    parts = [line.split(":")[0].split(maxsplit=1) for line in agent.stdout.splitlines()]
    names = ("config", "model", "self-test", "camera belt", "camera test", "broker")
    assert parts == [["ok", name] for name in names]
    assert agent.stderr == ""


@pytest.mark.parametrize(
    ("change", "exit_code", "failed"),
    [
        ({"--model": "none.tflite"}, 78, "model: can't read the model"),
        ({"--camera": "/dev/video97"}, 69, "camera video97: can't open the camera"),
        ({"--camera": "none.mp4"}, 2, "cameras: can't use the camera"),
        ({"--broker": "mqtt://127.0.0.1:1"}, 69, "broker: the broker mqtt://127.0.0.1:1: unreachable"),
    ],
)
def test_check_names_what_fails_and_looks_at_the_rest(
    tmp_path: Path,
    golden: Path,
    mosquitto: Mosquitto,
    change: Mapping[str, str],
    exit_code: int,
    failed: str,
) -> None:
    options = {"--camera": "test://", "--model": str(golden), "--broker": mosquitto.url} | dict(change)
    agent = edge_agent(tmp_path, "check", *(word for pair in options.items() for word in pair))
    assert agent.process.returncode == exit_code
    lines = agent.stdout.splitlines()
    assert (
        [line for line in lines if line.startswith("FAIL")]
        == [line for line in lines if failed in line]
        != []
    )
    assert any(("broker" if "--broker" not in change else "camera") in line for line in lines)
    assert "Traceback" not in agent.stderr


def test_classify_prints_a_table_or_json(tmp_path: Path, golden: Path) -> None:
    for label in ("red", "blue"):
        write_picture(tmp_path / f"{label}.png", label)
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    table = edge_agent(tmp_path, "classify", "red.png", "blue.png", "--model", golden)
    assert table.process.returncode == 0
    assert [line.split()[0] for line in table.stdout.splitlines()] == ["red", "blue"]
    agent = edge_agent(tmp_path, "classify", tmp_path, "--model", golden, "--json")
    assert agent.process.returncode == 1
    assert [record["label"] for record in agent.records] == ["blue", "red"]
    assert agent.records[0].keys() == {"path", "label", "confidence", "unknown_reason", "top"}
    assert agent.records[0]["top"][0].keys() == {"label", "score"}
    assert "broken.jpg" in one_error_line(agent)


def test_classify_says_unknown_below_the_threshold(tmp_path: Path, golden: Path) -> None:
    write_picture(tmp_path / "red.png", "red")
    command = ("classify", "red.png", "--model", golden, "--json", "--min-confidence", 1)
    (record,) = edge_agent(tmp_path, *command).records
    assert (record["label"], record["unknown_reason"]) == (None, "low_score")
    assert record["top"][0]["label"] == "red"


def test_listen_prints_decisions_as_they_come(
    tmp_path: Path, golden: Path, mosquitto: Mosquitto, video: Path
) -> None:
    (tmp_path / "listener").mkdir()
    command = ("--camera", video, "--model", golden, "--broker", mosquitto.url, "--device-id", "pi")
    edge_agent(tmp_path, *command)
    listening = EdgeAgent(tmp_path / "listener", "listen", "--broker", mosquitto.url, "--json")
    with listening:
        wait_until(lambda: listening.records, "the retained state")
        assert edge_agent(tmp_path, *command).process.returncode == 0
        wait_until(lambda: len(listening.records) == 6, "the second run")
        assert listening.stop() == 0
    assert labels(listening.records) == ["no_frames", "starting", "red", "green", "blue", "no_frames"]


def test_the_configuration_file_can_say_all(tmp_path: Path, golden: Path, video: Path) -> None:
    config = {"model": str(golden), "stdout": True, "mqtt": False, "frames": 4}
    lines = [f"{key} = {json.dumps(value)}" for key, value in config.items()]
    (tmp_path / "agent.toml").write_text(
        "\n".join([*lines, "[[camera]]", f'source = "{video}"', 'name = "x"'])
    )
    agent = edge_agent(tmp_path)
    assert agent.process.returncode == 0, agent.stderr
    assert [record["frame"] for record in agent.records] == [None, 0, 1, 2, 3, None]


def test_classify_asks_for_nothing_that_only_the_agent_needs(tmp_path: Path, golden: Path) -> None:
    (tmp_path / "agent.toml").write_text(
        '[broker]\npassword_file = "/nobody/may/read"\n\n[[camera]]\nsource = "gone.mp4"\n'
    )
    picture = write_picture(tmp_path / "a.png", "red")
    (record,) = edge_agent(tmp_path, "classify", picture, "--model", golden, "--json").records
    assert record["label"] == "red"
