"""What the loop hands over is kept in order and in groups, by a thread that may be slow or fail."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import pytest

from edge.publish.outbox import outbox_writer as group_commit
from edge.publish.outbox.outbox_writer import GroupCommitter
from tests.support.tools import wait_until


class Disk:
    """Keeps groups once it is let; `broken` makes it raise."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.asked, self.free = threading.Event(), threading.Event()
        self.free.set()
        self.broken: Exception | None = None
        self.tended = 0

    @property
    def kept(self) -> list[int]:
        return [entry for group in self.groups for entry in group]

    def keep(self, group: Sequence[int]) -> None:
        self.asked.set()
        assert self.free.wait(20)
        if self.broken is not None:
            raise self.broken
        self.groups.append(list(group))

    def tend(self) -> None:
        self.tended += 1


@contextlib.contextmanager
def committing(disk: Disk) -> Iterator[GroupCommitter[int]]:
    committer = GroupCommitter[int](disk.keep, disk.tend, 0.02)
    committer.start()
    try:
        yield committer
    finally:
        disk.free.set()
        committer.stop()


def test_what_gathers_while_the_disk_is_slow_becomes_one_group() -> None:
    disk = Disk()
    disk.free.clear()
    with committing(disk) as committer:
        committer.put(1)
        assert disk.asked.wait(20)
        for entry in (2, 3, 4):  # none of these waits for the disk
            committer.put(entry)
        assert (len(committer), disk.kept) == (4, [])
        disk.free.set()
        committer.wait()
        assert (len(committer), disk.groups) == (0, [[1], [2, 3, 4]])


def test_all_is_kept_in_order_also_what_waits_at_the_end() -> None:
    disk = Disk()
    with committing(disk) as committer:
        for entry in range(1000):
            committer.put(entry)
    assert disk.kept == list(range(1000))


def test_what_is_put_before_the_start_is_kept_at_the_end() -> None:
    disk = Disk()
    committer = GroupCommitter[int](disk.keep, disk.tend, 0.02)
    committer.put(1)
    committer.stop()
    assert disk.kept == [1]


def test_a_full_queue_makes_the_loop_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_WAITING", 2)
    disk = Disk()
    disk.free.clear()
    with committing(disk) as committer:
        loop = threading.Thread(target=lambda: [committer.put(entry) for entry in range(5)])
        loop.start()
        assert disk.asked.wait(20)
        wait_until(lambda: len(committer) == 2, "a full queue")
        assert loop.is_alive()
        disk.free.set()
        loop.join(20)
    assert disk.kept == list(range(5))


def test_what_ends_the_thread_is_raised_in_the_loop() -> None:
    disk = Disk()
    disk.broken = RuntimeError("no such table")
    with committing(disk) as committer:

        def hand_over() -> None:
            committer.put(1)
            committer.wait()

        with pytest.raises(RuntimeError, match="no such table"):
            hand_over()
        with pytest.raises(RuntimeError, match="no such table"):
            committer.check()


def test_it_tends_also_while_nothing_comes() -> None:
    disk = Disk()
    with committing(disk):
        wait_until(lambda: disk.tended > 2, "several times")
