"""All faults, in the order of the table: each lives in a module of its own."""

from __future__ import annotations

from tests.faults import (
    agent_killed,
    broker_away,
    broker_killed,
    camera_device,
    camera_unplugged,
    clock_back,
    corrupt_stream,
    disk_full,
    disk_read_only,
    machine_clock,
    network_cut,
    outbox_damaged,
    picture_goes_bad,
    power_cut,
    rtsp_camera,
    soak,
)
from tests.faults.outcome import Fault

FAULTS: tuple[Fault, ...] = (
    broker_killed.FAULT,
    agent_killed.FAULT,
    broker_away.FAULT,
    network_cut.FAULT,
    rtsp_camera.FAULT,
    corrupt_stream.FAULT,
    camera_device.FAULT,
    picture_goes_bad.FAULT,
    disk_full.FAULT,
    disk_read_only.FAULT,
    outbox_damaged.FAULT,
    clock_back.FAULT,
    soak.FAULT,
)

# They take a machine of their own, and minutes: done where named, or by `make faults-guest`.
GUEST_FAULTS: tuple[Fault, ...] = (camera_unplugged.FAULT, power_cut.FAULT, machine_clock.FAULT)
