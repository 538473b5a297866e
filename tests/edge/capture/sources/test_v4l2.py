"""What V4L2 says of cameras, over a made-up system tree: there is no camera where tests run."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.capture.sources.v4l2 import (
    Ask,
    Places,
    find_device,
    has_device,
    list_devices,
    open_device,
    parse_capability,
    parse_format,
    parse_size,
)
from edge.commands.cameras.command import lines
from edge.errors import CameraUnavailableError
from tests.support.agents.command_line import edge_agent

VIDEO, METADATA, M2M = 0x04200001, 0x04A00000, 0x04004000
YUYV, MJPG = (int.from_bytes(code, "little") for code in (b"YUYV", b"MJPG"))
SIZES = {YUYV: [(640, 480)], MJPG: [(640, 480), (1920, 1080)]}


def capability(card: str, flags: int) -> bytes:
    text = struct.pack("16s32s32s", b"uvcvideo", card.encode(), b"usb-0000:01:00.0-1.2")
    return text + struct.pack("<III12x", 0x060000, flags | 0x84A00001, flags)


class System:
    """A tree like /dev and /sys with cameras in it, whose nodes answer as drivers do."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(folder / "dev", folder / "sys", folder / "dev/v4l/by-id")
        self.places.links.mkdir(parents=True)
        self.places.names.mkdir()
        self.flags: dict[str, int] = {}
        self.locked: set[str] = set()

    def add(self, number: int, name: str, flags: int = VIDEO, index: int = 0, link: str = "") -> None:
        node, entry = self.places.devices / f"video{number}", self.places.names / f"video{number}"
        node.touch()
        entry.mkdir()
        (entry / "name").write_text(f"{name}\n")
        (entry / "index").write_text(f"{index}\n")
        self.flags[node.name] = flags
        if link:
            (self.places.links / link).symlink_to(f"../../video{number}")

    def move(self, old: int, new: int) -> None:
        """Unplugged, and plugged in again: another number."""
        for folder in (self.places.devices, self.places.names):
            (folder / f"video{old}").rename(folder / f"video{new}")
        self.flags[f"video{new}"] = self.flags.pop(f"video{old}")

    @contextlib.contextmanager
    def opened(self, node: Path) -> Iterator[Ask]:
        if node.name in self.locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        name = (self.places.names / node.name / "name").read_text().strip()

        def ask(request: int, data: bytearray) -> None:
            index, second = struct.unpack_from("<II", data)
            if request == 0x80685600:
                data[:] = capability(name, self.flags[node.name])
            elif request == 0xC0405602 and second == 1 and index < len(SIZES):
                code = list(SIZES)[index]
                data[:] = struct.pack("<III32sII12x", index, second, 0, b"a format", code, 0)
            elif request == 0xC02C564A and index < len(SIZES[second]):
                data[:] = struct.pack("<III6I8x", index, second, 1, *SIZES[second][index], 0, 0, 0, 0)
            else:
                raise OSError(errno.EINVAL, "no more")

        yield ask


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_answers_of_the_kernel_are_understood() -> None:
    found = parse_capability(capability("HD Pro Webcam C920", VIDEO))
    assert (found.driver, found.card, found.bus) == ("uvcvideo", "HD Pro Webcam C920", "usb-0000:01:00.0-1.2")
    assert found.captures
    assert not parse_capability(capability("x", METADATA)).captures
    assert not parse_capability(capability("x", M2M)).captures
    without_own_flags = struct.pack("<16s32s32sIII12x", b"d", b"c", b"b", 0, 0x1, 0)
    assert parse_capability(without_own_flags).captures
    motion_jpeg = struct.pack("<III32sII12x", 1, 1, 1, b"Motion-JPEG", MJPG, 0)
    assert parse_format(motion_jpeg).code == "MJPG"
    assert parse_format(motion_jpeg).description == "Motion-JPEG"
    assert parse_size(struct.pack("<III6I8x", 0, MJPG, 1, 1280, 720, 0, 0, 0, 0)) == "1280x720"
    stepwise = struct.pack("<III6I8x", 0, MJPG, 3, 32, 2592, 2, 32, 1944, 2)
    assert parse_size(stepwise) == "32x32 to 2592x1944"


def test_cameras_are_listed_by_number_with_what_they_can_do(system: System) -> None:
    system.add(10, "Belt")
    system.add(2, "HD Pro Webcam C920", link="usb-046d_HD_Pro_Webcam_C920-video-index0")
    system.add(3, "HD Pro Webcam C920", METADATA, 1, link="usb-046d_HD_Pro_Webcam_C920-video-index1")
    webcam, belt = list_devices(system.places, system.opened)
    assert (webcam.node, webcam.name) == (system.places.devices / "video2", "HD Pro Webcam C920")
    assert webcam.link == system.places.links / "usb-046d_HD_Pro_Webcam_C920-video-index0"
    assert [(each.code, each.sizes) for each in webcam.formats] == [
        ("YUYV", ("640x480",)),
        ("MJPG", ("640x480", "1920x1080")),
    ]
    assert (belt.name, belt.link) == ("Belt", None)
    assert lines(webcam)[-1].split() == ["MJPG", "640x480", "1920x1080"]


def test_a_camera_that_may_not_be_opened_is_listed_with_the_reason(system: System) -> None:
    system.add(0, "Belt")
    system.locked.add("video0")
    (belt,) = list_devices(system.places, system.opened)
    assert "Permission denied" in belt.problem
    assert any("Permission denied" in line for line in lines(belt))


def test_without_video_devices_there_are_none(tmp_path: Path) -> None:
    assert list_devices(Places(tmp_path / "a", tmp_path / "b", tmp_path / "c")) == []


def test_a_camera_is_found_by_a_part_of_its_name_or_link_under_whatever_number(system: System) -> None:
    system.add(0, "Belt")
    system.add(2, "HD Pro Webcam C920", link="usb-046d_HD_Pro_Webcam_C920_E1-video-index0")
    system.add(3, "HD Pro Webcam C920", METADATA, 1)
    for part in ("webcam", "c920", "046D"):
        assert find_device(part, system.places, system.opened) == system.places.devices / "video2"
    system.move(2, 7)
    assert find_device("webcam", system.places, system.opened) == system.places.devices / "video7"


def test_a_metadata_node_is_told_even_where_it_may_not_be_opened(system: System) -> None:
    system.add(4, "Webcam")
    system.add(5, "Webcam", METADATA, 1)
    system.locked |= {"video4", "video5"}
    assert find_device("webcam", system.places, system.opened).name == "video4"


def test_no_camera_or_several_of_a_name_are_said_so(system: System) -> None:
    system.add(0, "Belt left")
    system.add(1, "Belt right")
    with pytest.raises(CameraUnavailableError, match=r"no camera has that name; .*: Belt left, Belt r"):
        find_device("door", system.places, system.opened)
    with pytest.raises(CameraUnavailableError, match="several cameras match: Belt left"):
        find_device("belt", system.places, system.opened)
    assert not has_device("no such camera anywhere")


def test_what_is_no_video_device_answers_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with open_device(tmp_path / "plain") as ask, pytest.raises(OSError, match="ioctl"):
        ask(0x80685600, bytearray(104))


def test_the_command_lists_cameras_or_says_what_to_do(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "cameras", "--json")
    if list_devices():
        assert agent.process.returncode == 0
        assert agent.records[0]["node"].startswith("/dev/video")
    else:
        assert agent.process.returncode == 69
        assert "there is no camera" in agent.stderr
        assert "csi://0" in agent.stderr
