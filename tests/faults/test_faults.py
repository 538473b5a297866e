"""The faults that `make faults` does at length, shortly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.faults import FAULTS
from tests.faults.listener import faults_of
from tests.faults.outcome import Fault, Outcome, table


@pytest.mark.proof
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_is_claimed_holds(fault: Fault, tmp_path: Path) -> None:
    outcome = fault.run(tmp_path, fault.short_tries)
    assert outcome.trouble == ()
    assert outcome.held


def test_the_table_tells_a_claim_that_did_not_hold() -> None:
    good = Outcome("broker killed", 20, 1234, 1234, 0, (0.5, 2.0, 1.0))
    bad = Outcome("disk full", 3, trouble=("an event is missing",))
    missing = Outcome("agent killed", 1, 10, 9, 1, note="held; 0 came twice")
    header, first, second, third = table([good, bad, missing]).splitlines()
    assert header.split() == ["fault", "tries", "sent", "received", "lost", "recovery,", "s"]
    assert first.split() == ["broker", "killed", "20", "1,234", "1,234", "0", "1.0", "≤", "2.0", "held"]
    assert second.endswith("FAILED: an event is missing")
    assert third.endswith("FAILED: events are missing")


def test_gaps_order_and_double_numbers_are_found() -> None:
    def events(*numbers: int) -> list[dict[str, Any]]:
        return [{"sequence": number} for number in numbers]

    assert faults_of(events(1, 2, 3, 2, 3, 4)) == []
    assert faults_of(events(1, 2, 5)) == ["after 2 came 5"]
    assert faults_of(events(1, 2, 5), excused={3, 4}) == []
    assert faults_of(events(1, 4, 3), excused={2, 3}) == ["after 4 came 3"]
    assert faults_of([*events(1, 2), {"sequence": 2, "label": "red"}]) == ["number 2 was given to two events"]
