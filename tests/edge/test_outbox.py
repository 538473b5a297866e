"""Events on their way: bounded, in order, numbered for good."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge.outbox import Outbox, Sequences
from edge.records import Message


def filled(count: int, **limits: int) -> Outbox:
    outbox = Outbox(**limits)
    for number in range(count):
        outbox.append(Message("t", str(number).encode()))
    return outbox


def texts(handed: list[tuple[int, Message]]) -> list[int]:
    return [int(message.payload) for _, message in handed]


def test_messages_leave_in_order_and_only_so_many_at_once() -> None:
    outbox = filled(5, max_in_flight=3)
    first = outbox.hand_out()
    assert texts(first) == [0, 1, 2]
    assert outbox.hand_out() == []
    outbox.acknowledge(first[0][0])
    assert texts(outbox.hand_out()) == [3]
    assert len(outbox) == 4


def test_what_was_in_flight_is_handed_out_again_in_its_old_order() -> None:
    outbox = filled(4, max_in_flight=2)
    first, _ = outbox.hand_out()
    outbox.acknowledge(first[0])
    outbox.hand_out()
    outbox.take_back()
    assert texts(outbox.hand_out()) == [1, 2]


def test_when_full_the_oldest_goes_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        outbox = filled(7, capacity=4)
    assert (len(outbox), outbox.dropped) == (4, 3)
    assert texts(outbox.hand_out()) == [3, 4, 5, 6]
    assert len(caplog.records) == 1


def test_dropping_a_message_in_flight_makes_room_for_another() -> None:
    outbox = filled(2, capacity=2, max_in_flight=2)
    keys = [key for key, _ in outbox.hand_out()]
    outbox.append(Message("t", b"2"))
    assert texts(outbox.hand_out()) == [2]
    outbox.acknowledge(keys[0])
    assert len(outbox) == 2


def test_an_unknown_acknowledgement_changes_nothing() -> None:
    outbox = filled(1)
    outbox.acknowledge(99)
    assert len(outbox) == 1


def test_numbers_rise_and_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state" / "sequences.json"
    numbers = Sequences(file)
    assert numbers.current("a") == 0
    assert [numbers.advance("a"), numbers.advance("b"), numbers.advance("a")] == [1, 1, 2]
    again = Sequences(file)
    assert (again.current("a"), again.current("b"), again.advance("a")) == (2, 1, 3)


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": "x"}', b'{"a": null}', b"\xff\xfe", b"3"])
def test_an_unreadable_file_is_said_once_and_done_without(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "sequences.json"
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert Sequences(file).advance("a") == 1
    assert [record.getMessage().startswith(f"can't read {file}") for record in caplog.records] == [True]


def test_an_unwritable_file_is_said_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    numbers = Sequences(tmp_path / "file" / "sequences.json")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert [numbers.advance("a"), numbers.advance("a")] == [1, 2]
    assert len(caplog.records) == 1


def test_without_a_file_numbers_live_in_memory() -> None:
    assert Sequences(None).advance("a") == 1
