"""Asks V4L2 which cameras this machine has, and what they can do.

Layouts and numbers are those of linux/videodev2.h, with the ioctl encoding of x86 and ARM.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edge.errors import CameraUnavailableError

CAPABILITY = struct.Struct("<16s32s32sIII12x")
FORMAT = struct.Struct("<III32sII12x")
SIZE = struct.Struct("<III6I8x")
QUERY_CAPABILITY, ENUMERATE_FORMATS, ENUMERATE_SIZES = 0x80685600, 0xC0405602, 0xC02C564A
CAPTURE, CAPTURE_PLANES, META_CAPTURE, HAS_DEVICE_CAPS = 0x1, 0x1000, 0x00800000, 0x80000000
BUFFER_CAPTURE, BUFFER_CAPTURE_PLANES = 1, 9
DISCRETE = 1
# Drivers have a dozen of each; one that never says "no more" must not keep us in a loop.
MAX_FORMATS, MAX_SIZES = 128, 128

Ask = Callable[[int, bytearray], None]
OpenDevice = Callable[[Path], AbstractContextManager[Ask]]
NEXT_STEPS = "plug one in; a Raspberry Pi's own is csi://0, one on the network rtsp://…, test:// needs none"


class Places(NamedTuple):
    """Where the system shows its video devices."""

    devices: Path = Path("/dev")
    names: Path = Path("/sys/class/video4linux")
    links: Path = Path("/dev/v4l/by-id")


SYSTEM = Places()


@dataclass(frozen=True, slots=True)
class Capability:
    """What VIDIOC_QUERYCAP says; `flags` are those of this node, not of the whole device."""

    driver: str
    card: str
    bus: str
    flags: int

    @property
    def captures(self) -> bool:
        """True for a node that gives pictures: not one for metadata, output or conversion."""
        return bool(self.flags & (CAPTURE | CAPTURE_PLANES)) and not self.flags & META_CAPTURE


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One format, by its four letters, with its sizes as `640x480`."""

    code: str
    description: str
    sizes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """A node that gives pictures; `problem` says why it could not be asked."""

    node: Path
    name: str
    link: Path | None = None
    bus: str = ""
    formats: tuple[PixelFormat, ...] = field(default_factory=tuple)
    problem: str = ""


def parse_capability(data: bytes) -> Capability:
    """The answer to VIDIOC_QUERYCAP, 104 bytes."""
    driver, card, bus, _version, whole, own = CAPABILITY.unpack(data)
    return Capability(
        _decode_text(driver), _decode_text(card), _decode_text(bus), own if whole & HAS_DEVICE_CAPS else whole
    )


def parse_format(data: bytes) -> PixelFormat:
    """The answer to VIDIOC_ENUM_FMT, 64 bytes, without sizes."""
    _index, _type, _flags, description, code, _mbus = FORMAT.unpack(data)
    return PixelFormat(_decode_code(code), _decode_text(description))


def parse_size(data: bytes) -> str:
    """The answer to VIDIOC_ENUM_FRAMESIZES, 44 bytes: `640x480`, or `32x32 to 1920x1080` for a range."""
    _index, _code, kind, *sides = SIZE.unpack(data)
    if kind == DISCRETE:
        return f"{sides[0]}x{sides[1]}"
    least_width, most_width, _, least_height, most_height, _ = sides
    return f"{least_width}x{least_height} to {most_width}x{most_height}"


@contextlib.contextmanager
def open_device(node: Path) -> Iterator[Ask]:
    """How to ask a device node; raises OSError."""
    descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield lambda request, data: _ioctl(descriptor, request, data)
    finally:
        os.close(descriptor)


def _ioctl(descriptor: int, request: int, data: bytearray) -> None:
    fcntl.ioctl(descriptor, request, data, True)


def list_devices(places: Places = SYSTEM, open_node: OpenDevice = open_device) -> list[VideoDevice]:
    """All nodes that give pictures, by number, with formats and sizes."""
    links = _find_links(places)
    found = (_describe(node, name, links.get(node), open_node) for node, name in _list_nodes(places))
    return [device for device in found if device is not None]


def find_device(part: str, places: Places = SYSTEM, open_node: OpenDevice = open_device) -> Path:
    """The one node whose name or by-id link contains `part`, in any case; raises CameraUnavailableError.

    It is looked up each time: a camera that was unplugged may come back under another number.
    """
    links = _find_links(places)
    wanted = part.casefold()
    fitting = {
        node: name
        for node, name in _list_nodes(places)
        if (wanted in name.casefold() or wanted in links.get(node, Path()).name.casefold())
        and _gives_pictures(node, places, open_node)
    }
    what = f"can't open the camera usb://{part}"
    if not fitting:
        there = ", ".join(sorted({name for _, name in _list_nodes(places)})) or "none"
        raise CameraUnavailableError(
            what, f"no camera has that name; there are: {there}", "is it plugged in?"
        )
    if len(fitting) > 1:
        them = ", ".join(f"{name} ({node})" for node, name in fitting.items())
        raise CameraUnavailableError(
            what, f"several cameras match: {them}", "write more of the name, or the name of a link"
        )
    return next(iter(fitting))


def has_device(part: str) -> bool:
    """True if find_device finds one."""
    try:
        find_device(part)
    except CameraUnavailableError:
        return False
    return True


def _list_nodes(places: Places) -> list[tuple[Path, str]]:
    """Nodes and names from sysfs, by number."""
    entries = places.names.glob("video*") if places.names.is_dir() else ()
    numbered = [entry for entry in entries if entry.name.removeprefix("video").isdecimal()]
    ordered = sorted(numbered, key=lambda entry: int(entry.name.removeprefix("video")))
    return [(places.devices / entry.name, _read_text(entry / "name") or entry.name) for entry in ordered]


def _find_links(places: Places) -> dict[Path, Path]:
    """The by-id link of each node that has one."""
    if not places.links.is_dir():
        return {}
    resolved = {link.resolve(): link for link in sorted(places.links.iterdir(), reverse=True)}
    devices = places.devices.resolve()
    return {
        places.devices / target.name: link for target, link in resolved.items() if target.parent == devices
    }


def _gives_pictures(node: Path, places: Places, open_node: OpenDevice) -> bool:
    """True for a node with pictures. One that can't be asked is judged by its index: others hold metadata."""
    try:
        with open_node(node) as ask:
            return _query_capability(ask).captures
    except OSError:
        return _read_text(places.names / node.name / "index") in ("", "0")


def _describe(node: Path, name: str, link: Path | None, open_node: OpenDevice) -> VideoDevice | None:
    try:
        with open_node(node) as ask:
            capability = _query_capability(ask)
            if not capability.captures:
                return None
            planes = not capability.flags & CAPTURE
            formats = tuple(_list_formats(ask, BUFFER_CAPTURE_PLANES if planes else BUFFER_CAPTURE))
            return VideoDevice(node, name, link, capability.bus, formats)
    except OSError as error:
        return VideoDevice(node, name, link, problem=error.strerror or str(error))


def _query_capability(ask: Ask) -> Capability:
    data = bytearray(CAPABILITY.size)
    ask(QUERY_CAPABILITY, data)
    return parse_capability(bytes(data))


def _list_formats(ask: Ask, buffer_type: int) -> Iterator[PixelFormat]:
    for data in _enumerate(ask, ENUMERATE_FORMATS, FORMAT, buffer_type, MAX_FORMATS):
        code = FORMAT.unpack(data)[4]
        answers = _enumerate(ask, ENUMERATE_SIZES, SIZE, code, MAX_SIZES)
        plain = parse_format(data)
        yield PixelFormat(plain.code, plain.description, tuple(parse_size(answer) for answer in answers))


def _enumerate(ask: Ask, request: int, layout: struct.Struct, second: int, most: int) -> Iterator[bytes]:
    """The answers to a request for number 0, 1, …, until the driver has no more."""
    for index in range(most):
        data = bytearray(layout.size)
        struct.pack_into("<II", data, 0, index, second)
        try:
            ask(request, data)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        yield bytes(data)


def _decode_text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def _decode_code(code: int) -> str:
    return (code & 0x7FFFFFFF).to_bytes(4, "little").decode("ascii", "replace").strip()


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
