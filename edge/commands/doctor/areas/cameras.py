"""Cameras: what is connected, and what lies behind one that gives no picture."""

from __future__ import annotations

import grp
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.capture.reachability import PORTS
from edge.capture.sources.address import Source
from edge.capture.sources.v4l2 import NEXT_STEPS, SYSTEM, Places, find_device, list_devices
from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.system.network import find_network_fault
from edge.commands.doctor.system.user import as_root, program, user_name
from edge.errors import EdgeError

AGENT = re.compile(rb"(^|/)edge-agent\0|\0-m\0edge\0")
PROCESSES = Path("/proc")
CSI_PROGRAMS = ("rpicam-vid", "libcamera-vid")
CSI_NODES = ("media*", "dma_heap/*")


@dataclass(frozen=True, slots=True)
class Node:
    """A device node. group: its group, if that may read and write; empty if not even that may."""

    path: Path
    exists: bool
    allowed: bool
    group: str
    member: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a node open."""

    pid: int
    command: str
    is_agent: bool


def report_connected(places: Places = SYSTEM) -> Finding:
    """What is connected, where no camera is named."""
    devices = list_devices(places)
    if not devices:
        return warning("cameras", "none is named, and no V4L2 camera is connected", NEXT_STEPS)
    there = ", ".join(f"{device.node} ({device.name})" for device in devices)
    denied = [node for node in map(look_at, (device.node for device in devices)) if not node.allowed]
    if denied:
        return explain_permission("cameras", denied[0])
    number = devices[0].node.name.removeprefix("video")
    return warning("cameras", f"none is named; connected: {there}", f"{program()} doctor --camera {number}")


def explain(found: Finding, source: Source, places: Places = SYSTEM) -> Finding:
    """A camera's failure with what lies behind it, as far as that can be seen."""
    if source.kind == "csi":
        return _explain_csi(found, places)
    if source.kind == "stream":
        return _explain_stream(found, source)
    path = _node_path(source, places)
    if path is None:
        return found
    node = look_at(path)
    if not node.exists:
        return _explain_absence(found, node, places)
    if not node.allowed:
        return explain_permission(found.part, node)
    return _explain_holders(found, path, find_holders(path))


def look_at(path: Path) -> Node:
    """A node, and whether this process may use it."""
    try:
        status = path.stat()
    except OSError:
        return Node(path, False, False, "")
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    opens = stat.S_IRGRP | stat.S_IWGRP
    usable = status.st_mode & opens == opens and status.st_gid != 0
    allowed = os.access(path, os.R_OK | os.W_OK)
    return Node(path, True, allowed, group if usable else "", usable and _is_member(status.st_gid))


def find_holders(path: Path) -> list[Holder]:
    """Who has the node open, as far as we may see."""
    target = path.resolve()
    found = []
    for folder in PROCESSES.glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            holds = any(link.readlink() == target for link in (folder / "fd").iterdir())
            command = (folder / "cmdline").read_bytes() if holds else b""
        except OSError:  # it has ended, or is not ours to look at
            continue
        if holds:
            name = Path(os.fsdecode(command.split(b"\0")[0])).name
            found.append(Holder(int(folder.name), name, bool(AGENT.search(command))))
    return found


def _node_path(source: Source, places: Places) -> Path | None:
    if source.kind == "device":
        number = source.address
        return places.devices / f"video{number}" if number.isdecimal() else Path(number)
    if source.kind == "usb":
        try:
            return find_device(source.place, places)
        except EdgeError:
            return None
    return None


def _explain_absence(found: Finding, node: Node, places: Places) -> Finding:
    there = ", ".join(f"{device.node} ({device.name})" for device in list_devices(places))
    detail = f"there is no {node.path}; connected: {there or 'no camera'}"
    return failure(found.part, detail, f"{program()} cameras" if there else NEXT_STEPS, found.exit_code)


def explain_permission(part: str, node: Node) -> Finding:
    """The finding of a node that this user may not open, with the group that may."""
    user = user_name()
    if node.member:
        detail = f"no permission for {node.path}: {user} is in group {node.group}, but not in this login yet"
        return failure(part, detail, "log out and in again (a service: restart it)", 69)
    if node.group:
        detail = f"no permission for {node.path}: {user} is not in group {node.group}"
        join = as_root(f"usermod -aG {node.group} {user}")
        return failure(part, detail, f"{join}  # then log in again", 69)
    detail = f"no permission for {node.path}, and no group has it"
    change = f"chgrp video {node.path} && {as_root(f'chmod 660 {node.path}')}"
    return failure(part, detail, f"{as_root(change)}  # until it is plugged in again", 69)


def _explain_holders(found: Finding, path: Path, seen: list[Holder]) -> Finding:
    if any(holder.is_agent for holder in seen):
        pid = next(holder.pid for holder in seen if holder.is_agent)
        return Finding(found.part, f"{path} is in use by the agent that runs (process {pid})")
    if seen:
        who = ", ".join(f"{holder.command} (process {holder.pid})" for holder in seen)
        end = as_root(f"kill {seen[0].pid}  # ends it")
        return failure(found.part, f"{path} is in use by {who}", end, found.exit_code)
    if os.geteuid() == 0:  # nobody has it
        return failure(found.part, found.detail, "dmesg | tail  # what does its driver say?", found.exit_code)
    detail = f"{found.detail}; another user's program may be using it"
    return failure(found.part, detail, as_root(f"fuser -v {path}"), found.exit_code)


def _explain_csi(found: Finding, places: Places) -> Finding:
    if not any(map(shutil.which, CSI_PROGRAMS)):
        detail = f"neither {' nor '.join(CSI_PROGRAMS)} is installed"
        return failure(found.part, detail, as_root("apt install rpicam-apps"), found.exit_code)
    nodes = (look_at(path) for pattern in CSI_NODES for path in sorted(places.devices.glob(pattern)))
    denied = next((node for node in nodes if not node.allowed), None)
    if denied:
        return explain_permission(found.part, denied)
    if "no cameras available" in found.detail.lower():
        detail = "rpicam-vid finds no camera: is its ribbon cable in, the right way round?"
        return failure(found.part, detail, "rpicam-hello --list-cameras", found.exit_code)
    return found


def _explain_stream(found: Finding, source: Source) -> Finding:
    parts = urlsplit(source.address)
    try:
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except ValueError:
        return found
    fault = find_network_fault(host, port) if host else None
    if fault is None:
        return found
    remedy = fault.remedy or "is it switched on? check address and port"
    return failure(found.part, fault.detail, remedy, found.exit_code)


def _is_member(group: int) -> bool:
    """In the system's records, which this login may not know yet."""
    try:
        return user_name() in grp.getgrgid(group).gr_mem
    except KeyError:
        return False
