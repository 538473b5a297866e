"""Lines for the journal, and no more of them than somebody can read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from edge.monitoring.logs import JournalFormatter, Sparing, is_journal
from tests.support.agents.command_line import EdgeAgent
from tests.support.tools import wait_until

START = 'import os, sys; s = os.fstat(2); os.environ["JOURNAL_STREAM"] = f"{s.st_dev}:{s.st_ino}"; '


def record(message: str, *args: object, level: int = logging.WARNING, line: int = 1) -> logging.LogRecord:
    return logging.LogRecord("edge.x", level, "x.py", line, message, args, None)


@pytest.mark.parametrize(
    ("level", "shown"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 3)],
)
def test_each_line_carries_its_level(level: int, shown: int) -> None:
    text = JournalFormatter().format(record("one\ntwo", level=level))
    assert text == f"<{shown}>one\n<{shown}>two"


def test_a_stream_is_the_journal_only_if_it_is_the_one_named(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as one, (tmp_path / "b").open("w") as other:
        status = os.fstat(one.fileno())
        environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(one, environment)
        assert not is_journal(other, environment)
        assert not is_journal(one, {})


def test_lines_are_counted_by_their_place_and_camera_not_by_their_text() -> None:
    now_s = 0.0
    sparing = Sparing(lambda: now_s)
    front = [sparing.filter(record("camera %s: lost (%s)", "front", number)) for number in range(100)]
    yard = [sparing.filter(record("camera %s: lost (%s)", "yard", number)) for number in range(3)]
    other = [sparing.filter(record("%s", f"text {number}", line=2)) for number in range(100)]
    assert (sum(front), sum(yard), sum(other)) == (10, 3, 10)
    assert all(front[:10])
    now_s = 301.0
    late = record("camera %s: lost (%s)", "front", "again")
    assert sparing.filter(late)
    assert late.getMessage() == "camera front: lost (again) (90 such lines left out)"
    assert not sparing.filter(record("camera %s: lost (%s)", "front", "again"))
    assert sparing.filter(record("camera %s: back (%s)", "front", "again", level=logging.INFO))


def test_what_is_only_told_may_come_every_ten_seconds() -> None:
    now_s = 0.0
    sparing = Sparing(lambda: now_s)
    passed = 0
    for second in range(600):
        now_s = float(second)
        passed += sum(sparing.filter(record("%s", second, level=logging.INFO)) for _ in range(10))
    assert passed == 60 + 59


def test_debug_lines_are_not_held_back() -> None:
    assert all(Sparing().filter(record("x", level=logging.DEBUG)) for _ in range(1000))


def test_the_agent_speaks_to_the_journal_in_its_levels(tmp_path: Path, golden: Path) -> None:
    command = (
        "--camera",
        "test://?size=64x48",
        "--camera",
        "gone=/dev/video97",
        "--model",
        golden,
        "--stdout",
    )
    with EdgeAgent(tmp_path, *command, before=START) as agent:
        agent.wait_for_log("<6>camera test: ")
        agent.wait_for_log("<4>camera gone: lost")
        agent.stop()
        assert all(line[:3] in ("<4>", "<6>") and line[3:4].isalpha() for line in agent.stderr.splitlines())


def test_an_error_at_the_end_carries_its_level_too(tmp_path: Path) -> None:
    with EdgeAgent(tmp_path, "--camera", "/no/such.mp4", "--model", "m", before=START) as agent:
        assert agent.wait() == 2
    assert agent.stderr.startswith("<3>error: ")


def test_a_camera_that_comes_and_goes_does_not_fill_the_log(tmp_path: Path, golden: Path) -> None:
    camera = "test://?size=64x48&fps=500&frames=1&gone=0.001"
    soon = "import edge.capture.timeouts as how; how.LAST_RETRY_S = how.FIRST_RETRY_S / 5; "
    with EdgeAgent(tmp_path, "--camera", camera, "--model", golden, "--stdout", before=soon) as agent:
        wait_until(lambda: agent.stderr.count("camera test: delivering") > 25, "comings")
        agent.stop()
    lost = [line for line in agent.stderr.splitlines() if "camera test: lost" in line]
    assert len(lost) == 10
