"""Doctor on the machine: clock, power, disk and the file of events that wait."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.commands.doctor.areas import clock, disk, outbox, power
from edge.commands.doctor.areas.clock import Clock
from edge.commands.doctor.finding import Grade
from edge.publish.outbox.outbox import NumberedEvent, Outbox
from edge.records import Message
from tests.faults.machine.disks import remount, small_disk
from tests.support.agents.command_line import ROOT
from tests.support.agents.stand_in import StandIns

NOW = datetime(2027, 5, 1, tzinfo=UTC)
HOLDS = """
import sys
from pathlib import Path
from edge.publish.outbox.outbox import NumberedEvent, Outbox
outbox = Outbox(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    made = StandIns(tmp_path / "bin")
    monkeypatch.setenv("PATH", made.path)
    return made


# ---- clock


@pytest.mark.parametrize(
    ("said", "grade", "remedy"),
    [
        ("CanNTP=yes\nNTP=yes\nNTPSynchronized=yes\n", Grade.OK, ""),
        ("CanNTP=yes\nNTP=no\nNTPSynchronized=no\n", Grade.WARN, "timedatectl set-ntp true"),
        ("CanNTP=yes\nNTP=yes\nNTPSynchronized=no\n", Grade.WARN, "timedatectl timesync-status"),
        ("CanNTP=no\nNTP=no\nNTPSynchronized=no\n", Grade.WARN, "apt install systemd-timesyncd"),
    ],
)
def test_a_clock_that_nobody_sets_is_told_with_what_sets_it(
    programs: StandIns, said: str, grade: Grade, remedy: str
) -> None:
    programs.add("timedatectl", {"show": said})
    finding = clock.judge(clock.look(), tls=True)
    assert finding.grade is grade
    assert remedy in finding.remedy
    assert ("certificates of mqtts://" in finding.detail) is (grade is not Grade.OK)


def test_where_nothing_is_known_of_the_clock_it_is_not_blamed(programs: StandIns) -> None:
    programs.add("timedatectl", {"show": ""}, status=1)
    finding = clock.judge(clock.look(), tls=False)
    assert (finding.grade, "nothing here says" in finding.detail) == (Grade.OK, True)


def test_a_year_before_this_program_was_written_is_wrong() -> None:
    finding = clock.judge(Clock(NOW.replace(year=1970), synchronised=True), tls=True)
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 1)
    assert "1970-05-01 00:00 UTC is in the past, and certificates" in finding.detail


# ---- power


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("throttled=0x0", ["no under-voltage and no throttling since the start"]),
        ("throttled=0x50000", ["under-voltage since the start", "slowed down since the start"]),
        ("throttled=0x50005", ["under-voltage now", "slowed down now"]),
        ("throttled=0x80008", ["slowed down now by heat"]),
    ],
)
def test_what_a_raspberry_pi_says_of_its_power_is_told(
    programs: StandIns, tmp_path: Path, answer: str, told: list[str]
) -> None:
    programs.add("vcgencmd", {"get_throttled": answer + "\n"})
    findings = power.judge(power.look(tmp_path / "none"))
    assert len(findings) == len(told)
    for finding, words in zip(findings, told, strict=True):
        assert words in finding.detail
        assert (finding.grade is Grade.WARN) is bool(finding.remedy) is (answer != "throttled=0x0")


def test_the_kernel_is_asked_before_vcgencmd(programs: StandIns, tmp_path: Path) -> None:
    programs.add("vcgencmd", {"get_throttled": "throttled=0x0\n"})
    (tmp_path / "get_throttled").write_text("10001\n")
    assert power.look(tmp_path / "get_throttled") == 0x10001


def test_what_is_no_raspberry_pi_is_not_spoken_of(tmp_path: Path) -> None:
    assert power.judge(power.look(tmp_path / "none")) == []


# ---- disk


@pytest.mark.parametrize(("size", "grade"), [("8m", Grade.FAIL), ("100m", Grade.WARN), ("1g", Grade.OK)])
def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path, size: str, grade: Grade) -> None:
    with small_disk(tmp_path / "disk", size) as folder:
        finding = disk.examine(folder, ours=True)[0]
    assert finding.grade is grade
    assert finding.part == "disk"
    assert ("journalctl --vacuum-size" in finding.remedy) is (grade is not Grade.OK)


def test_a_journal_on_a_disk_of_its_own_is_told_too(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as journal:
        found = disk.examine(tmp_path, ours=True, journals=[tmp_path / "none", journal])
    assert [(finding.part, finding.grade) for finding in found][1:] == [("journal", Grade.FAIL)]
    (tmp_path / "journal").mkdir()
    assert len(disk.examine(tmp_path, ours=True, journals=[tmp_path / "journal"])) == 1


def test_a_disk_with_little_left_of_much_is_nearly_full() -> None:
    assert disk.judge("disk", disk.Disk(Path("/"), 64_000_000_000, 2_000_000_000)).grade is Grade.WARN
    assert disk.judge("disk", disk.Disk(Path("/"), 64_000_000_000, 4_000_000_000)).grade is Grade.OK


def test_a_disk_that_takes_no_more_files_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1g,nr_inodes=2") as folder:
        (folder / "last").touch()
        (finding,) = disk.examine(folder, ours=True)[:1]
    assert (finding.grade, finding.remedy) == (Grade.FAIL, f"df -i {folder}")


def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1g") as folder:
        (folder / "state").mkdir()
        remount(folder, "ro")
        finding = disk.examine(folder / "state", ours=True)[0]
    assert finding.grade is Grade.FAIL
    assert f"mount -o remount,rw {folder}" in finding.remedy


def test_a_state_folder_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    assert disk.examine(tmp_path / "a" / "b", ours=True)[0].grade is not Grade.FAIL


# ---- the events that wait


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """The outbox of an agent that has ended, with two events."""
    path = tmp_path / "state" / "outbox-pi.sqlite"
    box = Outbox(path)
    for number in (1, 2):
        box.append([NumberedEvent("front", number, Message("edge/pi/front/event", b"x" * 5000))])
    box.close()
    return path


def test_an_outbox_is_whole_and_is_left_as_it_was(waiting: Path) -> None:
    before = {path.name: path.read_bytes() for path in waiting.parent.iterdir()}
    (finding,) = outbox.examine(waiting, ours=True)
    assert (finding.grade, finding.detail) == (Grade.OK, "whole, events that wait: 2")
    assert {path.name: path.read_bytes() for path in waiting.parent.iterdir()} == before


def test_events_that_are_only_in_the_log_of_a_killed_agent_are_counted(waiting: Path, tmp_path: Path) -> None:
    box = Outbox(waiting)
    box.append([NumberedEvent("front", 3, Message("edge/pi/front/event", b"y"))])
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in waiting.parent.iterdir():
        (killed / path.name).write_bytes(path.read_bytes())
    box.close()
    (finding,) = outbox.examine(killed / waiting.name, ours=True)
    assert finding.detail == "whole, events that wait: 3"


def test_a_damaged_outbox_is_told(waiting: Path) -> None:
    content = bytearray(waiting.read_bytes())
    content[4096 : 4096 + 3000] = os.urandom(3000)
    waiting.write_bytes(content)
    (finding,) = outbox.examine(waiting, ours=True)
    assert finding.grade is Grade.WARN
    assert "is damaged" in finding.detail
    waiting.write_bytes(b"not SQLite at all" * 100)
    assert "is damaged" in outbox.examine(waiting, ours=True)[0].detail


def test_the_outbox_of_an_agent_that_runs_is_left_alone(waiting: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(waiting)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"open\n"
        (finding,) = outbox.examine(waiting, ours=True)
        agent.communicate()
    assert finding.grade is Grade.OK
    assert finding.detail == f"in use by the agent that runs (process {agent.pid})"
    with sqlite3.connect(waiting) as database:
        assert database.execute("SELECT count(*) FROM events").fetchone() == (2,)
    database.close()


def test_no_outbox_is_no_finding(tmp_path: Path) -> None:
    assert outbox.examine(tmp_path / "outbox-pi.sqlite", ours=True) == []
