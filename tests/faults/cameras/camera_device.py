"""A device whose reads hang, and one whose program is killed or stops, side by side."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.conftest import GOLDEN
from tests.faults.outcome import Fault, Outcome
from tests.faults.told import Told, is_judged
from tests.support.agents.command_line import EdgeAgent
from tests.support.cameras.rpicam import Rpicam
from tests.support.tools import wait_until

NAME = "camera-device"
GONE_S, HANG_S = 4.0, 11.0  # a read hangs long after the device can be opened again
HANGING = f"hung=test://?size=64x48&fps=20&frames=200&gone={GONE_S:g}&hang={HANG_S:g}"


def run(folder: Path, tries: int) -> Outcome:
    """Each try: one camera is gone while a read of it hangs; meanwhile the other's program fails."""
    program = Rpicam(folder / "bin", "red")
    command = ("--camera", HANGING, "--camera", "pi=csi://0", "--model", GOLDEN, "--stdout")
    with EdgeAgent(folder, *command, env={"PATH": program.path}) as agent:
        told = Told(folder, agent)
        told.first(0, lambda record: record["camera"] == "pi" and record["label"] == "red", "the first label")
        began_at = told.first(0, lambda record: is_judged(record, "hung"), "a frame of the other")
        before = told.resources()
        for number in range(tries):
            hung_at = told.silence(began_at, "hung", "a read hangs")
            _stop_program(told, program, (signal.SIGKILL, signal.SIGSTOP)[number % 2])
            began_at = hung_at + GONE_S
            told.recovery(began_at, "hung", "the device can be opened again")
        told.check_leaks(before)
        if agent.stop() != 0:
            told.trouble.append(f"the agent ended with {agent.process.returncode}")
    return Outcome(NAME, tries, recovery_s=tuple(told.recovery_s), trouble=tuple(told.trouble))


def _stop_program(told: Told, program: Rpicam, number: signal.Signals) -> None:
    pid, stopped_at = program.pid, time.time()
    os.kill(pid, number)
    wait_until(lambda: program.pid != pid, "another program")
    told.recovery(stopped_at, "pi", number.name, "red", after=time.time())


FAULT = Fault(NAME, run, tries=6, short_tries=1)
