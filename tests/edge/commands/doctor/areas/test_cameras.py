"""Doctor on cameras: nodes that are absent, denied or in use, and the Pi's own camera without its program."""

from __future__ import annotations

import dataclasses
import grp
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.capture.sources.address import parse_source
from edge.capture.sources.v4l2 import Places
from edge.commands.doctor.areas import cameras
from edge.commands.doctor.finding import Finding, Grade
from edge.commands.doctor.subprocess_check import check_in_subprocess
from edge.config import AgentConfig, CameraConfig
from tests.support.agents.command_line import EdgeAgent
from tests.support.agents.nobody import as_nobody
from tests.support.cameras.rpicam import Rpicam
from tests.support.tools import free_port, wait_until


def found_by_check(source: str) -> Finding:
    config = AgentConfig(camera=(CameraConfig(source=source, name="front"),))
    (found,) = check_in_subprocess(["cameras"], config)["cameras"]
    return found


def examined(source: str, places: Places | None = None) -> Finding:
    found = found_by_check(source)
    assert found.part == "camera front"
    return cameras.explain(found, parse_source(source), places or Places())


@pytest.fixture
def node() -> Iterator[Path]:
    """A file among the devices, which no driver is behind."""
    folder = Path("/dev/shm")
    if not os.access(folder, os.W_OK):
        pytest.skip("there is no /dev/shm to put a node into")
    path = folder / f"edge-doctor-{os.getpid()}"
    path.touch()
    yield path
    path.unlink()


def test_a_camera_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    finding = examined("/dev/video97")
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 69)
    assert finding.detail.startswith("there is no /dev/video97; connected: ")
    assert finding.remedy
    (tmp_path / "names" / "video0").mkdir(parents=True)
    (tmp_path / "names" / "video0" / "name").write_text("HD Webcam\n")
    (tmp_path / "video0").touch()
    places = Places(tmp_path, tmp_path / "names", tmp_path / "links")
    finding = examined("/dev/video97", places)
    assert f"connected: {tmp_path / 'video0'} (HD Webcam)" in finding.detail
    assert finding.remedy.endswith(" cameras")
    told = cameras.report_connected(places)
    assert (told.grade, "HD Webcam" in told.detail) == (Grade.WARN, True)
    assert told.remedy.endswith("doctor --camera 0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("mode", "detail", "remedy"),
    [
        (0o660, "nobody is not in group video", "sudo usermod -aG video nobody"),
        (0o600, "no group has it", "sudo chgrp video {node} && sudo chmod 660 {node}"),
    ],
)
def test_a_camera_that_this_user_may_not_open_is_told_with_the_group(
    tmp_path: Path, node: Path, mode: int, detail: str, remedy: str
) -> None:
    os.chown(node, 0, grp.getgrnam("video").gr_gid)
    node.chmod(mode)
    tmp_path.chmod(0o755)
    with EdgeAgent(tmp_path, "doctor", "--camera", f"front={node}", prefix=as_nobody()) as agent:
        assert agent.wait() == 69, agent.stdout + agent.stderr
    lines = agent.stdout.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("FAIL  camera front")]
    assert f"no permission for {node}" in lines[number]
    assert detail in lines[number]
    assert lines[number + 1].startswith(f"      → {remedy.format(node=node)}")


def test_a_group_that_this_login_does_not_have_yet_is_told(node: Path) -> None:
    denied = cameras.Node(node, exists=True, allowed=False, group="video", member=True)
    finding = cameras.explain_permission("camera front", denied)
    assert "but not in this login yet" in finding.detail
    assert "log out and in again" in finding.remedy


def test_a_camera_in_use_is_told_with_the_program_that_uses_it(node: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; open(sys.argv[1]); f = open(sys.argv[1]); sys.stdin.read()",
        node,
    ]
    with ExitStack() as ending:
        user = ending.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
        ending.callback(user.communicate)
        wait_until(lambda: cameras.find_holders(node), "the program to open it")
        finding = examined(str(node))
    assert finding.grade is Grade.FAIL
    assert f"{node} is in use by {Path(sys.executable).name} (process {user.pid})" in finding.detail
    assert f"kill {user.pid}" in finding.remedy


def test_a_camera_that_the_agent_itself_uses_is_fine(node: Path, tmp_path: Path, golden: Path) -> None:
    opened = f"f = open({str(node)!r}); "
    command = ("--camera", "test://", "--model", golden, "--stdout")
    program = [
        sys.executable,
        "-c",
        f"{opened}import sys; sys.stdin.read()",
        "-m",
        "edge",
        *map(str, command),
    ]
    with ExitStack() as ending:
        agent = ending.enter_context(subprocess.Popen(program, stdin=subprocess.PIPE))
        ending.callback(agent.communicate)
        wait_until(lambda: cameras.find_holders(node), "the agent to open it")
        finding = examined(str(node))
    assert (finding.grade, finding.exit_code) == (Grade.OK, 0)
    assert f"in use by the agent that runs (process {agent.pid})" in finding.detail


def test_what_gives_no_picture_and_is_in_nobodys_hands_names_a_next_step(node: Path) -> None:
    finding = examined(str(node))
    assert finding.grade is Grade.FAIL
    assert ("dmesg" if os.geteuid() == 0 else f"fuser -v {node}") in finding.remedy


def test_a_pis_camera_without_its_program_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = examined("csi://0")
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 69)
    assert "neither rpicam-vid nor libcamera-vid is installed" in finding.detail
    assert finding.remedy.endswith("apt install rpicam-apps")


def test_a_pis_camera_that_is_not_connected_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "rpicam-vid"
    program.write_text("#!/bin/sh\necho 'ERROR: *** no cameras available ***' >&2\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    finding = examined("csi://0", Places(tmp_path))
    assert "rpicam-vid finds no camera" in finding.detail
    assert finding.remedy == "rpicam-hello --list-cameras"


def test_a_pis_camera_that_works_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", Rpicam(tmp_path / "bin", "red").path)
    assert found_by_check("csi://0").grade is Grade.OK


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_stream_whose_server_is_not_there_is_told(scheme: str) -> None:
    finding = examined(f"{scheme}://user:secret@127.0.0.1:{free_port()}/stream")
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 69)
    assert "nothing listens on port" in finding.detail
    finding = examined(f"{scheme}://user:secret@nowhere.invalid/stream")
    assert "the name nowhere.invalid is not known" in finding.detail
    assert "secret" not in str(dataclasses.asdict(finding))
