"""An RTSP camera that is killed, frozen, and started again with another size."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path

from tests.conftest import GOLDEN
from tests.faults.outcome import Fault, Outcome
from tests.faults.told import Told, hold
from tests.support.agents.command_line import EdgeAgent
from tests.support.cameras.rtsp_server import rtsp_camera

RED, GREEN = 0xC82828, 0x28C828
OUTAGES_S = (0.0, 5.0, 30.0)  # beyond what it takes to be noticed
NAME = "rtsp-camera"


def run(folder: Path, tries: int) -> Outcome:
    """Each try: killed and back with another size and colour, frozen and thawed, killed, back as it was."""
    with contextlib.ExitStack() as servers:
        address, server = servers.enter_context(rtsp_camera(RED))
        port = int(address.split(":")[2].split("/")[0])
        command = ("--camera", f"door={address}", "--model", GOLDEN, "--stdout")
        with EdgeAgent(folder, *command) as agent:
            told = Told(folder, agent)
            told.first(0, lambda record: record["label"] == "red", "the first label")
            before = told.resources()
            for number in range(tries):
                outage_s = OUTAGES_S[number % len(OUTAGES_S)]
                server = _restart(told, server, servers, port, (GREEN, "320x180", outage_s))
                _freeze(told, server, outage_s)
                server = _restart(told, server, servers, port, (RED, "160x120", outage_s))
            told.check_leaks(before)
            if agent.stop() != 0:
                told.trouble.append(f"the agent ended with {agent.process.returncode}")
    return Outcome(NAME, tries, recovery_s=tuple(told.recovery_s), trouble=tuple(told.trouble))


def _restart(
    told: Told,
    server: subprocess.Popen[bytes],
    servers: contextlib.ExitStack,
    port: int,
    plan: tuple[int, str, float],
) -> subprocess.Popen[bytes]:
    rgb, size, outage_s = plan
    told.lose("door", "server killed", server.kill)
    hold(outage_s)
    _, server = servers.enter_context(rtsp_camera(rgb, port, size))
    label = "red" if rgb == RED else "green"
    told.recovery(time.time(), "door", f"server back after {outage_s:g} s as {size}", label)
    return server


def _freeze(told: Told, server: subprocess.Popen[bytes], outage_s: float) -> None:
    told.lose("door", "server frozen", lambda: server.send_signal(signal.SIGSTOP))
    hold(outage_s)
    server.send_signal(signal.SIGCONT)
    told.recovery(time.time(), "door", f"server thawed after {outage_s:g} s", "green")


FAULT = Fault(NAME, run, tries=6, short_tries=1)
