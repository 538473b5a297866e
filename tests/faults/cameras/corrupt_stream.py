"""Streams whose bytes are damaged on the way: RTSP through a relay that flips bits, MJPEG of broken JPEGs."""

from __future__ import annotations

import time
from pathlib import Path

from tests.conftest import GOLDEN
from tests.faults.outcome import Fault, Outcome
from tests.faults.told import Told, hold
from tests.support.agents.command_line import EdgeAgent
from tests.support.brokers.relay import Relay
from tests.support.cameras.mjpeg import MjpegCamera
from tests.support.cameras.rtsp_server import rtsp_camera

NAME = "corrupt-stream"
# Damaged for long enough that the camera is lost, mended for long enough that it delivers steadily again.
DAMAGED_S, MENDED_S = 6.0, 5.0
# An opening that the damage hits hangs for 4 s (QUICK_SHARE of OPEN_LIMIT_S), and the damage is over before
# MAX_SHORT_TRIES of those are. Then come the delay, 1 s at most, and the next opening, 1.5 s.
MAX_RECOVERY_S = 8.0
# Of all bytes: single pictures are damaged, most of them, and the RTSP dialogue itself.
SHARES = (0.002, 0.02, 0.2)


def run(folder: Path, tries: int) -> Outcome:
    """Each try: both streams damaged for some seconds, then mended: the agent lives, and is right again."""
    with (
        rtsp_camera(0xC82828) as (address, _),
        Relay(int(address.split(":")[2].split("/")[0])) as relay,
        MjpegCamera("blue") as camera,
    ):
        through = f"rtsp://127.0.0.1:{relay.port}/camera"
        command = ("--camera", f"door={through}", "--camera", f"yard={camera.address}")
        with EdgeAgent(folder, *command, "--model", GOLDEN, "--stdout") as agent:
            told = Told(folder, agent, MAX_RECOVERY_S)
            for label in ("red", "blue"):
                told.first(0, lambda r: r["label"] == label, f"the first {label}")  # noqa: B023
            before = told.resources()
            for number in range(tries):
                relay.damage, camera.broken = SHARES[number % len(SHARES)], True
                hold(DAMAGED_S)
                relay.damage, camera.broken = 0.0, False
                mended_at = time.time()
                told.recovery(mended_at, "door", "no more bits flipped", "red")
                told.recovery(mended_at, "yard", "no more broken JPEGs", "blue")
                hold(MENDED_S)
            told.check_leaks(before)
            if agent.stop() != 0:
                told.trouble.append(f"the agent ended with {agent.process.returncode}")
    return Outcome(NAME, tries, recovery_s=tuple(told.recovery_s), trouble=tuple(told.trouble))


FAULT = Fault(NAME, run, tries=6, short_tries=1)
