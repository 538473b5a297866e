"""All faults, in the order of the table: each lives in a module of its own."""

from __future__ import annotations

from tests.faults import (
    agent_killed,
    broker_away,
    broker_killed,
    camera_device,
    corrupt_stream,
    rtsp_camera,
    soak,
)
from tests.faults.outcome import Fault

FAULTS: tuple[Fault, ...] = (
    broker_killed.FAULT,
    agent_killed.FAULT,
    broker_away.FAULT,
    rtsp_camera.FAULT,
    corrupt_stream.FAULT,
    camera_device.FAULT,
    soak.FAULT,
)
