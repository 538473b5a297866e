"""`edge-agent collect` in a real terminal: keys, the status line, and a terminal left as it was."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.agents.terminal import TerminalAgent
from tests.support.tools import wait_until

CAMERA = ("--camera", "test://?size=64x48&fps=100")
ARROWS_AND_HOME = "\x1b[A\x1b[1~"


def stored(folder: Path) -> int:
    return len(list(folder.rglob("*.jpg")))


def test_space_and_enter_take_one_and_q_ends(tmp_path: Path) -> None:
    with TerminalAgent(tmp_path, "collect", *CAMERA, "--label", "mug", "--keep-duplicates") as agent:
        agent.wait_for("mug: 0 stored, 0 skipped | space takes one, q ends")
        assert agent.settings_now() != agent.settings
        for number, key in enumerate((" ", "\r", " "), 1):
            agent.press(key)
            agent.wait_for(f"mug: {number} stored")
        agent.press("xq")
        assert agent.wait() == 0
        assert agent.settings_now() == agent.settings
        assert agent.screen.endswith("stored 3, skipped 0 near duplicates\r\n")
    assert stored(tmp_path) == 3


def test_what_is_alike_is_skipped_and_that_is_said(tmp_path: Path) -> None:
    with TerminalAgent(tmp_path, "collect", *CAMERA, "--label", "mug") as agent:
        agent.wait_for("0 skipped")
        agent.press(" ")
        agent.wait_for("mug: 1 stored")
        wait_until(lambda: agent.press(" ") or "skipped, like" in agent.screen, "a near duplicate")
        agent.press("q")
        assert agent.wait() == 0


def test_numbers_choose_the_label(tmp_path: Path) -> None:
    labels = ("--label", "mug", "--label", "plate", "--keep-duplicates")
    with TerminalAgent(tmp_path, "collect", *CAMERA, *labels) as agent:
        agent.wait_for("[1 mug 0]  2 plate 0, 0 skipped | space takes one, 1-2 choose, q ends")
        agent.press(" ")
        agent.wait_for("[1 mug 1]")
        agent.press("2")
        agent.wait_for("[2 plate 0]")
        agent.press(ARROWS_AND_HOME)
        agent.press("3 ")
        agent.wait_for("[2 plate 1]")
        agent.press("\x04")
        assert agent.wait() == 0
        assert agent.screen.endswith("stored 2 (mug 1, plate 1), skipped 0 near duplicates\r\n")
    assert [path.parent.name for path in sorted(tmp_path.rglob("*.jpg"))] == ["mug", "plate"]


@pytest.mark.parametrize("number", [None, signal.SIGTERM, signal.SIGINT])
def test_the_terminal_is_restored_however_it_ends(tmp_path: Path, number: signal.Signals | None) -> None:
    with TerminalAgent(tmp_path, "collect", *CAMERA, "--label", "mug") as agent:
        agent.wait_for("mug: 0 stored, 0 skipped | space")
        agent.press("\x03") if number is None else agent.process.send_signal(number)
        assert agent.wait() == 0
        assert agent.settings_now() == agent.settings
        assert agent.screen.endswith("stored 0, skipped 0 near duplicates\r\n")
        assert "Traceback" not in agent.screen


def test_the_terminal_is_restored_after_an_error(tmp_path: Path) -> None:
    with TerminalAgent(tmp_path, "collect", *CAMERA, "--label", "mug") as agent:
        agent.wait_for("mug: 0 stored, 0 skipped | space")
        (tmp_path / "photos").write_text("in the way")
        agent.press(" ")
        assert agent.wait() == 1
        assert agent.settings_now() == agent.settings
        assert "error: can't store photographs in photos/mug: Not a directory" in agent.screen


def test_keys_work_again_after_it_was_stopped(tmp_path: Path) -> None:
    with TerminalAgent(tmp_path, "collect", *CAMERA, "--label", "mug") as agent:
        agent.wait_for("mug: 0 stored, 0 skipped | space")
        keys = agent.settings_now()
        agent.process.send_signal(signal.SIGSTOP)
        agent.restore_settings()
        agent.process.send_signal(signal.SIGCONT)
        wait_until(lambda: agent.settings_now() == keys, "single keys again")
        agent.press(" ")
        agent.wait_for("mug: 1 stored")
        agent.press("q")
        assert agent.wait() == 0


def test_a_lost_camera_is_said_and_a_key_pressed_meanwhile_forgotten(tmp_path: Path) -> None:
    camera = ("--camera", "test://?size=64x48&fps=100&frames=50&gone=1")
    with TerminalAgent(tmp_path, "collect", *camera, "--label", "mug") as agent:
        agent.wait_for("waiting for the camera: the test camera stopped delivering")
        agent.wait_for("mug: 0 stored, 0 skipped | no picture yet")
        agent.press(" ")
        agent.wait_for("the camera is there")
        agent.press("q")
        assert agent.wait() == 0
    assert stored(tmp_path) == 0
