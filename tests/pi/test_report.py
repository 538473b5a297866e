"""The table of `make pi-test` tells what did not hold."""

from __future__ import annotations

import pytest

from tests.pi.report import Row, row_of, table


def test_a_step_that_fails_is_a_row_that_says_why() -> None:
    row = row_of("package", lambda: pytest.fail("ended with 1: no room"))
    assert (row.step, row.seen, row.held) == ("package", "ended with 1: no room", False)


def test_a_step_that_holds_is_a_row_with_what_was_seen() -> None:
    row = row_of("boot", lambda: "Debian 12")
    assert (row.step, row.seen, row.held) == ("boot", "Debian 12", True)


def test_one_row_that_did_not_hold_is_the_verdict() -> None:
    good, bad = Row("boot", "Debian 12", 61.0, held=True), Row("package", "no room", 59.0, held=False)
    assert table([good, good]).splitlines()[-1] == "all 2 steps held in 2 minutes"
    *rows, verdict = table([good, bad]).splitlines()
    assert [row.split() for row in rows] == [
        ["boot", "61", "s", "held", "Debian", "12"],
        ["package", "59", "s", "FAILED", "no", "room"],
    ]
    assert verdict == "1 of 2 steps FAILED in 2 minutes"
