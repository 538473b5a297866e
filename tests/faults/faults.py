"""All faults, in the order of the table: each lives in a module of its own."""

from __future__ import annotations

from tests.faults.brokers import broker_away, broker_killed, network_cut
from tests.faults.cameras import (
    camera_device,
    camera_unplugged,
    corrupt_stream,
    picture_goes_bad,
    rtsp_camera,
)
from tests.faults.machine import (
    agent_killed,
    clock_back,
    disk_full,
    disk_read_only,
    machine_clock,
    outbox_damaged,
    power_cut,
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
