"""Events on their way: on disk, bounded, in order, at a limited rate, numbered for good."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.publish.outbox.event_store import EventStore, Stored
from edge.publish.outbox.fallback_store import RETRY_S
from edge.publish.outbox.outbox import AGEING_S, NumberedEvent, Outbox, OutboxLimits
from edge.publish.outbox.sequences import Sequences
from edge.records import Message

ONE = len("t") + 1  # bytes of a one-digit event
_OPEN: list[Outbox] = []


def opened(*arguments: Any) -> Outbox:
    """An outbox that is closed after the test."""
    _OPEN.append(Outbox(*arguments))
    return _OPEN[-1]


@pytest.fixture(autouse=True)
def all_closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


def fill(outbox: Outbox, numbers: range) -> Outbox:
    for number in numbers:
        outbox.append([NumberedEvent("cam", number, Message("t", str(number).encode()))])
    return outbox


def filled(count: int, path: Path | None = None, **limits: Any) -> Outbox:
    return fill(opened(path, OutboxLimits(**limits)), range(count))


def numbers(handed: list[tuple[int, Message]]) -> list[int]:
    return [int(message.payload) for _, message in handed]


def everything(outbox: Outbox, clock: Clock | None = None) -> Iterator[int]:
    """Hand out and acknowledge until nothing is left."""
    while len(outbox):
        handed = outbox.hand_out()
        for handle, message in handed:
            yield int(message.payload)
            outbox.acknowledge(handle)
        if clock:
            clock.now_s += 0.1


def test_events_leave_in_order_and_only_so_many_at_once() -> None:
    outbox = filled(5, max_in_flight=3)
    first = outbox.hand_out()
    assert numbers(first) == [0, 1, 2]
    assert outbox.hand_out() == []
    outbox.acknowledge(first[0][0])
    assert numbers(outbox.hand_out()) == [3]
    assert len(outbox) == 4


def test_what_was_in_flight_is_handed_out_again_in_its_old_order() -> None:
    outbox = filled(4, max_in_flight=2)
    first, _ = outbox.hand_out()
    outbox.acknowledge(first[0])
    outbox.hand_out()
    outbox.take_back()
    assert numbers(outbox.hand_out()) == [1, 2]


def test_an_acknowledgement_of_before_the_connection_was_lost_changes_nothing() -> None:
    outbox = filled(2)
    (handle, _), _ = outbox.hand_out()
    outbox.take_back()
    for stale in (handle, 99):
        outbox.acknowledge(stale)
    assert list(everything(outbox)) == [0, 1]


def test_only_so_many_leave_a_second(clock: Clock) -> None:
    outbox = fill(opened(None, OutboxLimits(rate=20, max_in_flight=1000), clock), range(100))
    times = []
    while len(outbox):
        for handle, _ in outbox.hand_out():
            outbox.acknowledge(handle)
            times.append(clock.now_s)
        clock.now_s += 0.1
    assert max(times.count(moment) for moment in set(times)) <= 5
    assert 4.5 <= times[-1] - times[0] <= 5.0


@pytest.mark.parametrize("on_disk", [False, True])
def test_beyond_its_bytes_the_oldest_goes_and_is_counted(
    caplog: pytest.LogCaptureFixture, path: Path, on_disk: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        outbox = filled(7, path if on_disk else None, max_bytes=4 * ONE)
    assert (len(outbox), outbox.dropped) == (4, 3)
    assert list(everything(outbox)) == [3, 4, 5, 6]
    assert len(caplog.records) == 1


def test_dropping_an_event_in_flight_makes_room_for_another() -> None:
    outbox = filled(2, max_bytes=2 * ONE, max_in_flight=2)
    handles = [handle for handle, _ in outbox.hand_out()]
    fill(outbox, range(2, 3))
    assert numbers(outbox.hand_out()) == [2]
    outbox.acknowledge(handles[0])
    assert len(outbox) == 2


def test_what_is_too_old_goes_by_the_agents_own_time(clock: Clock, path: Path) -> None:
    limits = OutboxLimits(max_age_s=3 * AGEING_S)
    outbox = fill(opened(path, limits, clock), range(2))
    clock.now_s += 2 * AGEING_S
    fill(outbox, range(2, 4))
    outbox.close()
    clock.now_s = 5.0  # the machine was started anew, after a year or so
    again = opened(path, limits, clock)
    again.poll()
    assert len(again) == 4
    clock.now_s += 2 * AGEING_S
    again.poll()
    assert list(everything(again, clock)) == [2, 3]
    assert again.dropped == 2


def test_events_numbers_and_counts_survive_a_restart(path: Path) -> None:
    outbox = filled(5, path, max_bytes=4 * ONE)
    (handle, _), *_ = outbox.hand_out()
    outbox.acknowledge(handle)
    outbox.close()
    again = opened(path)
    assert again.numbers == {"cam": 4}
    assert again.dropped == 1
    assert list(everything(again)) == [2, 3, 4]


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    statements: list[str] = []
    outbox = opened(path)
    outbox._store._store._database.set_trace_callback(statements.append)
    fill(outbox, range(1))
    (handle, _), *_ = outbox.hand_out()
    durable = [statement for statement in statements if "synchronous" in statement]
    outbox.acknowledge(handle)
    assert durable == ["PRAGMA synchronous = FULL"]
    assert outbox._store._store._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_two_agents_do_not_share_one_file(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = filled(2, path)
    with caplog.at_level(logging.WARNING):
        second = fill(opened(path), range(7, 9))
    assert "locked" in str(second.report()["outbox"])
    assert list(everything(first)) == [0, 1]
    assert list(everything(second)) == [7, 8]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_file_that_is_no_outbox_is_put_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(os.urandom(8192))
    with caplog.at_level(logging.WARNING):
        outbox = filled(3, path)
    assert outbox.numbers_lost
    assert "damaged" in caplog.text
    assert path.with_suffix(".broken").exists()
    assert outbox.report()["outbox"] == "disk"
    assert list(everything(outbox)) == [0, 1, 2]


def test_events_that_noise_has_overwritten_are_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = opened(path)
    for number in range(1, 61):  # more than SQLite keeps of it in memory
        outbox.append([NumberedEvent("cam", number, Message("t", bytes(100_000)))])
    for file in (path, path.with_name(f"{path.name}-wal")):
        with file.open("r+b") as noise:
            noise.write(os.urandom(file.stat().st_size))
    assert outbox.hand_out() == []
    outbox.append([NumberedEvent("cam", 61, Message("t", b"61"))])
    assert (outbox.dropped, len(outbox), outbox.numbers) == (60, 1, {"cam": 61})
    assert "60 events are lost" in caplog.text


def test_a_state_folder_that_can_not_be_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        outbox = filled(3, tmp_path / "file" / "outbox.sqlite")
    assert list(everything(outbox)) == [0, 1, 2]
    assert outbox.numbers_lost
    assert len(caplog.records) == 1


def test_what_came_while_the_disk_was_away_goes_behind_what_it_held(clock: Clock, path: Path) -> None:
    filled(3, path).close()
    path.parent.rename(path.parent.with_name("away"))
    path.parent.touch()
    outbox = fill(opened(path, None, clock), range(7, 9))
    first, _ = outbox.hand_out()
    path.parent.unlink()
    path.parent.with_name("away").rename(path.parent)
    outbox.poll()
    assert outbox.trouble
    clock.now_s += RETRY_S
    outbox.poll()
    assert outbox.trouble is None
    outbox.acknowledge(first[0])  # of a store that is gone: it comes again
    outbox.close()
    assert list(everything(opened(path))) == [0, 1, 2, 7, 8]


def test_a_disk_that_gets_full_puts_the_queue_into_memory_and_back(
    clock: Clock, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = fill(opened(path, None, clock), range(3))
    database = outbox._store._store._database
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk
    with caplog.at_level(logging.WARNING):
        for number in range(3, 6):
            outbox.append([NumberedEvent("cam", number, Message("t", str(number).encode().rjust(8000)))])
    assert "full" in str(outbox.report()["outbox"])
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    (handle, _), *_ = outbox.hand_out()
    outbox.acknowledge(handle)
    clock.now_s += RETRY_S
    outbox.poll()
    assert outbox.report()["outbox"] == "disk"
    outbox.close()
    again = opened(path)
    assert again.numbers == {"cam": 5}
    assert list(everything(again)) == [1, 2, 3, 4, 5]


def test_events_leave_also_where_the_disk_fails_while_nothing_waits(path: Path) -> None:
    outbox = filled(3, path)
    assert list(everything(outbox)) == [0, 1, 2]
    outbox._store._store._database.execute("PRAGMA query_only = ON")
    fill(outbox, range(3, 6))
    assert outbox.trouble
    assert list(everything(outbox)) == [3, 4, 5]


def test_a_file_that_is_damaged_in_part_is_put_aside_too(path: Path) -> None:
    filled(3, path).close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'numbers'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))
    outbox = filled(2, path)
    assert outbox.numbers_lost
    assert outbox.report()["outbox"] == "disk"


def test_a_refused_event_counts_as_dropped(path: Path) -> None:
    outbox = filled(2, path)
    (one, _), (other, _) = outbox.hand_out()
    outbox.acknowledge(one, refused=True)
    outbox.acknowledge(other)
    outbox.close()
    assert opened(path).dropped == 1


def test_what_is_refused_for_now_is_offered_again_later_and_alone_at_first(clock: Clock, path: Path) -> None:
    outbox = fill(opened(path, OutboxLimits(max_in_flight=3), clock), range(5))
    (first, _), (second, _), (third, _) = outbox.hand_out()
    outbox.postpone(first)
    outbox.acknowledge(second)
    outbox.acknowledge(third)
    clock.now_s += 0.9
    assert outbox.hand_out() == []
    for delay_s in (0.1, 2.0, 4.0):
        clock.now_s += delay_s
        ((handle, message),) = outbox.hand_out()
        assert message.payload == b"0"
        outbox.postpone(handle)
        clock.now_s += 0.1
        assert outbox.hand_out() == []
    clock.now_s += 8
    ((handle, _),) = outbox.hand_out()
    assert outbox.hand_out() == []
    outbox.acknowledge(handle)
    assert numbers(outbox.hand_out()) == [3, 4]
    assert (len(outbox), outbox.dropped) == (2, 0)


def test_several_refusals_of_what_was_under_way_together_are_one(clock: Clock) -> None:
    outbox = fill(opened(None, None, clock), range(4))
    for handle, _ in outbox.hand_out():
        outbox.postpone(handle)
    clock.now_s += 1
    assert numbers(outbox.hand_out()) == [0]


def test_what_is_refused_for_now_keeps_to_the_bounds(clock: Clock) -> None:
    outbox = fill(opened(None, OutboxLimits(max_bytes=2 * ONE), clock), range(2))
    for handle, _ in outbox.hand_out():
        outbox.postpone(handle)
    clock.now_s += 1
    outbox.hand_out()
    fill(outbox, range(2, 4))
    assert list(everything(outbox, clock)) == [2, 3]
    assert outbox.dropped == 2


def test_counts_and_ages_go_on_from_a_disk_that_was_away_at_the_start(clock: Clock, path: Path) -> None:
    limits = OutboxLimits(max_bytes=2 * ONE, max_age_s=1000)
    before = fill(opened(path, limits, clock), range(4))
    clock.now_s += 900
    before.close()
    path.parent.rename(path.parent.with_name("away"))
    path.parent.touch()
    outbox = fill(opened(path, limits, clock), range(7, 8))
    path.parent.unlink()
    path.parent.with_name("away").rename(path.parent)
    clock.now_s += RETRY_S
    outbox.poll()
    assert (outbox.trouble, len(outbox), outbox.dropped) == (None, 3, 2)
    clock.now_s += 100
    outbox.poll()
    assert list(everything(outbox, clock)) == [7]


def test_a_copy_taken_at_any_moment_is_whole(path: Path, tmp_path: Path) -> None:
    outbox = filled(40, path)
    for handle, _ in outbox.hand_out()[:7]:
        outbox.acknowledge(handle)
    outbox.poll()
    copied = shutil.copytree(path.parent, tmp_path / "copy") / path.name
    with contextlib.closing(sqlite3.connect(copied)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert list(everything(opened(copied))) == list(range(7, 40))


def test_the_next_event_takes_along_what_was_acknowledged_before(path: Path, tmp_path: Path) -> None:
    outbox = filled(9, path)
    for handle, _ in outbox.hand_out()[:7]:
        outbox.acknowledge(handle)
    assert (len(outbox), numbers(outbox.hand_out())) == (2, [])
    fill(outbox, range(9, 10))
    copied = shutil.copytree(path.parent, tmp_path / "copy") / path.name
    assert list(everything(opened(copied))) == [7, 8, 9]


def test_what_was_acknowledged_is_not_handed_out_again_before_the_file_knows(path: Path) -> None:
    outbox = filled(60, path, max_in_flight=40, rate=1e6)
    for handle, _ in outbox.hand_out()[::2]:
        outbox.acknowledge(handle)
    outbox.take_back()
    assert numbers(outbox.hand_out()) == [*range(1, 40, 2), *range(40, 60)]


def test_a_store_is_not_less_than_empty() -> None:
    store = EventStore(None)
    store.remove([Stored(7, "edge/pi/cam/event", b"{}", 0.0)])
    assert (store.count, store.bytes) == (0, 0)
    store.close()


def test_numbers_go_on_from_the_known_ones() -> None:
    sequences = Sequences({"a": 2})
    assert (sequences.current("a"), sequences.current("b")) == (2, 0)
    assert [sequences.advance("a"), sequences.advance("b"), sequences.advance("a")] == [3, 1, 4]


def test_lost_numbers_are_not_given_again() -> None:
    sequences = Sequences({}, lost=True)
    first = sequences.advance("a")
    assert first > 1_700_000_000
    assert sequences.advance("a") == first + 1
