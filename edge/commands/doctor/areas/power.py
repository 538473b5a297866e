"""A Raspberry Pi's power: what its firmware has noted of under-voltage, throttling and heat."""

from __future__ import annotations

from pathlib import Path

from edge.commands.doctor.finding import Finding, warning
from edge.commands.doctor.system.programs import answer

FIRMWARE = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
SUPPLY = "use the board's own power supply (Pi 4: 5 V, 3 A; Pi 5: 5 V, 5 A) and its short cable"
COOLING = "fit a heat sink or a fan, and look again: vcgencmd measure_temp"
UNDER_VOLTAGE, CAPPED, THROTTLED, HOT = 0x1, 0x2, 0x4, 0x8  # and the same, 16 bits up: since the start
SINCE = 16


def look(firmware: Path = FIRMWARE) -> int | None:
    """The firmware's bits, from the kernel or from vcgencmd; None where there is no such firmware."""
    try:
        text = firmware.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = (answer("vcgencmd", ["get_throttled"]) or "").strip().removeprefix("throttled=0x")
    try:
        return int(text, 16)
    except ValueError:
        return None


def judge(bits: int | None) -> list[Finding]:
    """Nothing where this is no Raspberry Pi."""
    if bits is None:
        return []
    findings = []
    if bits & (UNDER_VOLTAGE | UNDER_VOLTAGE << SINCE):
        when = "now" if bits & UNDER_VOLTAGE else "since the start"
        findings.append(warning("power", f"under-voltage {when}: the board may halt or lose data", SUPPLY))
    slow = CAPPED | THROTTLED | HOT
    if bits & (slow | slow << SINCE):
        when = "now" if bits & slow else "since the start"
        hot = bits & (HOT | HOT << SINCE) or not findings
        detail = f"the processor is slowed down {when}{' by heat' if hot else ''}"
        findings.append(warning("power", detail, COOLING if hot else SUPPLY))
    return findings or [Finding("power", "no under-voltage and no throttling since the start")]
