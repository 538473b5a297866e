"""The clock: a Raspberry Pi has none that runs without power, and certificates depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.system.programs import answer, properties
from edge.commands.doctor.system.user import as_root

# A clock that is right can't show a time before this file was written.
WRITTEN = datetime(2026, 11, 28, tzinfo=UTC)
TLS_FAILS = ", and certificates of mqtts:// will seem not yet valid or expired"


@dataclass(frozen=True, slots=True)
class Clock:
    """synchronised, switched_on, possible: as timedatectl says, None where it says nothing."""

    now: datetime
    synchronised: bool | None = None
    switched_on: bool | None = None
    possible: bool | None = None


def look() -> Clock:
    """The time, and whether a time server keeps it (the kernel's own word, whichever program does it)."""
    said = properties(answer("timedatectl", ["show"]) or "")
    known = [said[key] == "yes" if key in said else None for key in ("NTPSynchronized", "NTP", "CanNTP")]
    return Clock(datetime.now(UTC), *known)


def judge(clock: Clock, *, tls: bool) -> Finding:
    """Wrong, unwatched or right; tls: the broker is asked for a certificate."""
    time = f"{clock.now:%Y-%m-%d %H:%M} UTC"
    consequence = TLS_FAILS if tls else ""
    if clock.now < WRITTEN:
        return failure("clock", f"{time} is in the past{consequence}", _remedy(clock))
    if clock.synchronised is False:
        return warning("clock", f"{time}, not synchronised: it may be wrong{consequence}", _remedy(clock))
    known = "synchronised" if clock.synchronised else "nothing here says whether it is synchronised"
    return Finding("clock", f"{time}, {known}")


def _remedy(clock: Clock) -> str:
    if clock.possible is False:
        return as_root("apt install systemd-timesyncd")
    if clock.switched_on:
        return "timedatectl timesync-status  # is the time server reached? (UDP port 123)"
    return as_root("timedatectl set-ntp true")
