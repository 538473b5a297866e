"""The emulated device: what the steps order and ask, each within the time that its step has."""

from __future__ import annotations

import itertools
import shlex
import time
from pathlib import Path

import pytest

from tests.guest.camera import LABELS, show
from tests.guest.image import root_disk
from tests.guest.machine import SAID, Machine

UNIT = "edge-agent"
LABEL = "edge/pi-standin/camera0/label"
TO_ANSWER_S = 60.0  # for what the shell says when an order's time is up
TIME_IS_UP = (124, 137)  # of `timeout`, after SIGTERM and after SIGKILL
FOLLOW = f"journalctl --follow --lines=all --boot --output=short-precise --unit={UNIT} > {SAID} &"


class Device:
    """Machines on one disk, one after the other; their journals come to `folder`."""

    def __init__(self, folder: Path, payload: Path, target: str) -> None:
        self._folder, self._payload, self._target = folder, payload, target
        self._root = root_disk(folder, target)
        self._machine: Machine | None = None
        self._boots, self._deadline_s = 0, 0.0
        self._colours = itertools.cycle(LABELS)

    def allow(self, seconds: float) -> None:
        """All that is ordered from now on must be done in so many seconds."""
        self._deadline_s = time.monotonic() + seconds

    def boot(self) -> None:
        """Switch it on, and have its journal written down here as it grows."""
        self._boots += 1
        folder = self._folder / f"boot{self._boots}"
        self._machine = Machine(folder, self._payload, target=self._target, root=self._root)
        self._machine.do(FOLLOW)

    def reboot(self) -> None:
        """As a user does it."""
        self._booted.reboot()
        self.boot()

    def close(self) -> None:
        """Switch it off, put its journals together, and throw its disks away."""
        if self._machine:
            self._machine.cut_power()
        self._root.unlink()
        self._payload.unlink()
        said = sorted(self._folder.glob("boot*/said.txt"))
        self.journal.write_text("".join(file.read_text(errors="replace") for file in said))

    @property
    def journal(self) -> Path:
        """What the unit logged in all boots, once the device is closed."""
        return self._folder / "journal.txt"

    def ask(self, order: str) -> tuple[str, int]:
        """What an order to the device's shell says, and its status."""
        left_s = max(1.0, self._deadline_s - time.monotonic())
        bounded = f"timeout -k 5 {left_s:.0f} bash -c {shlex.quote(order)} 2>&1"
        return self._booted.ask(bounded, left_s + TO_ANSWER_S)

    def do(self, order: str) -> str:
        """The same of an order that must succeed."""
        text, status = self.ask(order)
        if status:
            why = "took too long" if status in TIME_IS_UP else f"ended with {status}"
            pytest.fail(f"{order.splitlines()[0][:60]} {why}: {' '.join(text[-200:].split())}")
        return text

    def wait_until(self, condition: str) -> None:
        """Until a command of the shell succeeds."""
        self.do(f"until {condition}; do sleep 0.5; done")

    def systemd(self, name: str) -> str:
        """What systemd knows of the unit."""
        return self.do(f"systemctl show --value --property={name} {UNIT}")

    def show_another(self) -> str:
        """Put another colour before the camera, one that has a label."""
        colour = next(self._colours)
        self.do(show(0, colour, text=True))
        return colour

    def wait_for_label(self, label: str) -> str:
        """Until the broker has this label; what was seen, in words."""
        self.wait_until(f'[ "$(mosquitto_sub -t {LABEL} -C 1 -W 5)" = {label} ]')
        return f"label {label}"

    def see_another(self) -> str:
        """Another colour must come as a label: what is retained from before can't be it."""
        return self.wait_for_label(self.show_another())

    @property
    def _booted(self) -> Machine:
        if self._machine is None:
            pytest.fail("it has not booted")
        return self._machine
