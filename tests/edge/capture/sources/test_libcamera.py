"""Raspberry Pi cameras, with a stand-in for rpicam-vid."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from edge.capture.sources.address import parse_source
from edge.capture.sources.libcamera import LibcameraReader
from edge.capture.sources.registry import Reader, make_opener
from edge.errors import CameraUnavailableError, UsageError
from tests.support.agents.command_line import EdgeAgent
from tests.support.cameras.rpicam import Rpicam
from tests.support.cameras.videos import BGR
from tests.support.tools import wait_until


def rpicam(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str = "works", name: str = "rpicam-vid"
) -> Rpicam:
    program = Rpicam(folder / "bin", "red", mode, name)
    monkeypatch.setenv("PATH", program.path)
    return program


def read_to_the_end(reader: Reader) -> None:
    while True:
        reader.read()


@pytest.mark.parametrize("name", ["rpicam-vid", "libcamera-vid"])
@pytest.mark.parametrize("mode", ["works", "chatty"])
def test_pictures_come_from_the_program_and_it_ends_with_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: str
) -> None:
    program = rpicam(tmp_path, monkeypatch, mode, name)
    with contextlib.closing(make_opener(parse_source("csi://1?size=640x480&fps=12.5"))()) as reader:
        for _ in range(30):
            picture = reader.read()
        assert picture is not None
        assert np.abs(picture.pixels.mean(axis=(0, 1)) - BGR["red"]).max() < 6
        assert program.runs
    assert not program.runs
    for option in (
        "--camera 1",
        "--width 640",
        "--height 480",
        "--framerate 12.5",
        "--codec mjpeg",
        "--output -",
    ):
        assert option in program.arguments


def test_a_program_that_dies_is_quoted_in_few_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = rpicam(tmp_path, monkeypatch, "works")
    with contextlib.closing(make_opener(parse_source("csi://0"))()) as reader:
        reader.read()
        program.behave("dies")
        with pytest.raises(CameraUnavailableError, match=r"csi://0 is lost.*it ended.*has timed out") as lost:
            read_to_the_end(reader)
    assert len(str(lost.value)) < 500
    assert not program.runs


def test_a_program_that_hangs_is_noticed_and_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = rpicam(tmp_path, monkeypatch, "hangs")
    with contextlib.closing(make_opener(parse_source("csi://0"))()) as reader:
        reader.read()
        started_s = time.monotonic()
        with pytest.raises(CameraUnavailableError, match="no picture in time"):
            read_to_the_end(reader)
        assert time.monotonic() - started_s < 30
        assert program.runs
    assert not program.runs


def test_a_program_that_writes_garbage_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = rpicam(tmp_path, monkeypatch, "garbage")
    command = [str(tmp_path / "bin/rpicam-vid")]
    with (
        contextlib.closing(LibcameraReader(command, "csi://0", 1.0, first_picture_s=1.0)) as reader,
        pytest.raises(CameraUnavailableError, match="can't open the camera csi://0: rpicam-vid: no picture"),
    ):
        reader.read()
    assert not program.runs


def test_broken_pictures_only_are_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rpicam(tmp_path, monkeypatch, "broken")
    with (
        contextlib.closing(make_opener(parse_source("csi://0"))()) as reader,
        pytest.raises(CameraUnavailableError, match="30 broken pictures"),
    ):
        reader.read()


def test_a_missing_program_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CameraUnavailableError, match="neither rpicam-vid nor libcamera-vid is installed"):
        make_opener(parse_source("csi://0"))()


@pytest.mark.parametrize(
    "address",
    [
        "csi://front",
        "csi://0?size=big",
        "csi://0?size=1x1",
        "csi://0?fps=0",
        "csi://0?fps=nan",
        "csi://0?x=1",
    ],
)
def test_an_impossible_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"can't use the camera csi://.*write csi://0"):
        make_opener(parse_source(address))


def test_the_agent_starts_the_program_again_when_it_is_killed(tmp_path: Path, golden: Path) -> None:
    program = Rpicam(tmp_path / "bin", "red")
    command = ("--camera", "csi://0", "--model", golden, "--stdout")
    with EdgeAgent(tmp_path, *command, env={"PATH": program.path}) as agent:
        wait_until(lambda: len(agent.records) > 5, "decisions")
        first = program.pid
        os.kill(first, signal.SIGKILL)
        agent.wait_for_log("is lost")
        wait_until(lambda: program.pid != first, "another one")
        seen = len(agent.records)
        wait_until(lambda: len(agent.records) > seen + 5, "decisions again")
        assert agent.stop() == 0
    assert agent.records[-2]["label"] == "red"
    assert agent.records[-1]["camera"] == "csi0"
    assert not program.runs
