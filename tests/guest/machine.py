"""An emulated Debian, given orders through a port of its own; what its agent prints lands in a file here."""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.guest.disk import Disk
from tests.guest.image import MODEL, QUICKEST, STAND_INS, built_system, need_machine
from tests.support.tools import wait_until

BROKER = "mqtt://10.0.2.100"  # as the guest reaches the one on this machine
BOOT_TIMEOUT_S, ORDER_TIMEOUT_S = 600.0, 300.0  # emulated, and beside other work
CLOCK = "2026-01-01T00:00:00"  # at every boot, as of a device without a battery for its clock
BOARDS = {  # the processor of a Raspberry Pi 4; and where the console is
    "x86_64": (("-cpu", "max"), "ttyS0"),
    "aarch64": (("-M", "virt", "-cpu", "cortex-a72"), "ttyAMA0"),
}
KEPT = "/var/lib/edge"  # where `disk` is mounted
SAID = "/dev/virtio-ports/said"
LOG = "/tmp/agent.log"
CONFIG = f"""
state_dir = "{KEPT}"
device_id = "guest"
heartbeat = 5
max_frame_age = 4
[decision]
window = 1
hysteresis = 0.0
"""


class Machine:
    """Boots in the context, in about half a minute, and is dead behind it: without a word, as by a power cut.

    Emulated, so it tells what works and what does not, but nothing of speed.
    """

    def __init__(
        self,
        folder: Path,
        payload: Path,
        broker_port: int | None = None,
        disk: Disk | None = None,
        *,
        target: str = QUICKEST,
        root: Path | None = None,
    ) -> None:
        """folder: a new one of its own. disk: with a file system, for what the agent keeps.

        root: a disk that keeps what is written to it; without, what is written to the image is thrown away.
        Without broker_port nothing outside can be reached.
        """
        folder.mkdir()
        self.started_s = time.monotonic()
        self._said, self._console = folder / "said.txt", folder / "console.log"
        self._heard = b""
        orders = folder / "orders"
        command = [need_machine(target), *_board(target), *_drives(target, root, payload)]
        command += [*_network(broker_port), *_ports(orders, self._said)]
        if disk:
            command += [
                "-drive",
                f"file=nbd+unix:///?socket={disk.path},format=raw,if=virtio,cache=writeback",
            ]
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )
        self._orders = socket.socket(socket.AF_UNIX)
        try:
            wait_until(lambda: self._connects(orders), "the emulator", 30)
            self.do("true", BOOT_TIMEOUT_S)
            if disk:
                self.do(f"mkdir -p {KEPT}; mount /dev/vdc {KEPT}")
        except BaseException:
            self.cut_power()
            raise

    def do(self, order: str, timeout_s: float = ORDER_TIMEOUT_S) -> str:
        """Have the guest's shell do something; what it says. Fails where that fails or takes too long."""
        text, status = self.ask(order, timeout_s)
        if status:
            pytest.fail(f"in the guest, {order!r} failed: {text}")
        return text

    def ask(self, order: str, timeout_s: float = ORDER_TIMEOUT_S) -> tuple[str, int]:
        """What the guest's shell says to an order, and the status; fails where that takes too long."""
        with contextlib.suppress(OSError):  # where it is gone, there will be no answer
            self._orders.sendall(f"{{ {order}\n}} </dev/null; printf '\\n=%s=\\n' $?\n".encode())
        return self._answer(time.monotonic() + timeout_s)

    def start_agent(self, *arguments: object) -> None:
        """Start the agent on the broker of this machine."""
        options = ("--model", MODEL, "--broker", BROKER, "--config", "/root/agent.toml", "--stdout")
        command = shlex.join(["python3", "-m", "edge", *map(str, arguments), *options])
        self.do(f"cat > /root/agent.toml <<'END'\n{CONFIG}\nEND")
        self.do(f"PYTHONPATH=/payload:/payload/site {command} > {SAID} 2>> {LOG} & agent=$!")

    def stop_agent(self) -> int:
        """Its exit status, after SIGTERM."""
        return int(self.do("kill $agent; wait $agent; echo $?"))

    @property
    def log(self) -> str:
        """What agents have logged."""
        return self.do(f"cat {LOG}")

    @property
    def records(self) -> list[dict[str, Any]]:
        """The decisions that agents have printed so far."""
        return list(self._records())

    @property
    def events(self) -> list[dict[str, Any]]:
        """Those of them that are events: on disk, by what the agent was told, before they were printed."""
        return [record for record in self._records() if record["changed"]]

    def reboot(self) -> None:
        """Have the guest end in order, for another machine on the same disk to begin where it ended."""
        self._orders.sendall(b"systemctl reboot\n")
        wait_until(lambda: self._process.poll() is not None, "the guest to end for a reboot", ORDER_TIMEOUT_S)
        self._orders.close()

    def cut_power(self) -> None:
        """End the machine without a word, and this port to it."""
        self._process.kill()
        self._process.wait(10)
        self._orders.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.cut_power()

    def _records(self) -> Iterator[dict[str, Any]]:
        with self._said.open(encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    return  # its end is on its way
                yield json.loads(line)

    def _connects(self, path: Path) -> bool:
        if self._process.poll() is not None:
            pytest.fail(f"QEMU ended: {self._console.read_text(errors='replace')[-500:]}")
        with contextlib.suppress(OSError):
            self._orders.connect(str(path))
            return True
        return False

    def _answer(self, deadline_s: float) -> tuple[str, int]:
        """What came up to the next line `=STATUS=`."""
        while not (self._heard.endswith(b"=\n") and b"\n=" in self._heard):
            self._orders.settimeout(max(0.1, deadline_s - time.monotonic()))
            try:
                data = self._orders.recv(65536)
            except TimeoutError:
                pytest.fail(f"the guest does not answer: {self._console.read_text(errors='replace')[-500:]}")
            if not data:
                pytest.fail(f"the guest is gone: {self._console.read_text(errors='replace')[-500:]}")
            self._heard += data
        text, _, status = self._heard[:-2].rpartition(b"\n=")
        self._heard = b""
        return text.decode(errors="replace").strip(), int(status)


def _board(target: str) -> list[str]:
    system, machine = built_system(target), target.split("-")[0]
    board, console = BOARDS[machine]
    boot = f"root=/dev/vda rw console={console} quiet panic=-1 systemd.show_status=0 mitigations=off"
    return [
        *("-accel", "tcg,thread=multi", *board, "-smp", "2", "-m", "1024", "-nographic", "-no-reboot"),
        *("-kernel", str(system / "vmlinuz"), "-initrd", str(system / "initrd.img")),
        *("-append", f"{boot} net.ifnames=0", "-rtc", f"base={CLOCK}"),
    ]


def _drives(target: str, root: Path | None, payload: Path) -> list[str]:
    system = f"file={root or built_system(target) / 'root.img'},snapshot={'off' if root else 'on'}"
    ours = f"file={payload},snapshot=on"
    return [*("-drive", f"{system},format=raw,if=virtio"), *("-drive", f"{ours},format=raw,if=virtio")]


def _network(broker_port: int | None) -> list[str]:
    relay = f",guestfwd=tcp:10.0.2.100:1883-cmd:{sys.executable} {STAND_INS / 'pipe.py'} {broker_port}"
    user = f"user,id=net,restrict=on{relay if broker_port else ''}"
    return ["-netdev", user, "-device", "virtio-net-pci,netdev=net,romfile="]


def _ports(orders: Path, said: Path) -> list[str]:
    return [
        *("-device", "virtio-serial", "-chardev", f"socket,id=orders,path={orders},server=on,wait=off"),
        *("-device", "virtserialport,chardev=orders,name=orders", "-chardev", f"file,id=said,path={said}"),
        *("-device", "virtserialport,chardev=said,name=said"),
    ]
