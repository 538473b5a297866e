"""What the loop hands over is kept in order and in groups, by a thread that may be slow or fail."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import pytest

from edge.publish.outbox import outbox_writer
from edge.publish.outbox.outbox_writer import OutboxWriter
from tests.support.tools import wait_until


class Disk:
    """Keeps groups once it is let; `broken` makes it raise."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.asked, self.free = threading.Event(), threading.Event()
        self.free.set()
        self.broken: Exception | None = None
        self.polled = 0

    @property
    def kept(self) -> list[int]:
        return [entry for group in self.groups for entry in group]

    def keep(self, group: Sequence[int]) -> None:
        self.asked.set()
        assert self.free.wait(20)
        if self.broken is not None:
            raise self.broken
        self.groups.append(list(group))

    def poll(self) -> None:
        self.polled += 1


@contextlib.contextmanager
def committing(disk: Disk) -> Iterator[OutboxWriter[int]]:
    writer = OutboxWriter[int](disk.keep, disk.poll, 0.02)
    writer.start()
    try:
        yield writer
    finally:
        disk.free.set()
        writer.stop()


def test_what_gathers_while_the_disk_is_slow_becomes_one_group() -> None:
    disk = Disk()
    disk.free.clear()
    with committing(disk) as writer:
        writer.put(1)
        assert disk.asked.wait(20)
        for entry in (2, 3, 4):  # none of these waits for the disk
            writer.put(entry)
        assert (len(writer), disk.kept) == (4, [])
        disk.free.set()
        writer.wait()
        assert (len(writer), disk.groups) == (0, [[1], [2, 3, 4]])


def test_all_is_kept_in_order_also_what_waits_at_the_end() -> None:
    disk = Disk()
    with committing(disk) as writer:
        for entry in range(1000):
            writer.put(entry)
    assert disk.kept == list(range(1000))


def test_what_is_put_before_the_start_is_kept_at_the_end() -> None:
    disk = Disk()
    writer = OutboxWriter[int](disk.keep, disk.poll, 0.02)
    writer.put(1)
    writer.stop()
    assert disk.kept == [1]


def test_a_full_queue_makes_the_loop_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_writer, "MAX_WAITING", 2)
    disk = Disk()
    disk.free.clear()
    with committing(disk) as writer:
        loop = threading.Thread(target=lambda: [writer.put(entry) for entry in range(5)])
        loop.start()
        assert disk.asked.wait(20)
        wait_until(lambda: len(writer) == 2, "a full queue")
        assert loop.is_alive()
        disk.free.set()
        loop.join(20)
    assert disk.kept == list(range(5))


def test_what_ends_the_thread_is_raised_in_the_loop() -> None:
    disk = Disk()
    disk.broken = RuntimeError("no such table")
    with committing(disk) as writer:

        def hand_over() -> None:
            writer.put(1)
            writer.wait()

        with pytest.raises(RuntimeError, match="no such table"):
            hand_over()
        with pytest.raises(RuntimeError, match="no such table"):
            writer.check()


def test_it_polls_also_while_nothing_comes() -> None:
    disk = Disk()
    with committing(disk):
        wait_until(lambda: disk.polled > 2, "several times")
