"""All faults, in the order of the table: each lives in a module of its own."""

from __future__ import annotations

from tests.faults import (
    agent_killed,
    broker_away,
    broker_killed,
    camera_device,
    clock_back,
    corrupt_stream,
    disk_full,
    disk_read_only,
    network_cut,
    outbox_damaged,
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
    disk_full.FAULT,
    disk_read_only.FAULT,
    outbox_damaged.FAULT,
    clock_back.FAULT,
    soak.FAULT,
)
