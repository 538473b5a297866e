"""All faults, in the order of the table: each lives in a module of its own."""

from __future__ import annotations

from tests.faults import picture_goes_bad
from tests.faults.outcome import Fault

FAULTS: tuple[Fault, ...] = (picture_goes_bad.FAULT,)
