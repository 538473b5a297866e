"""All faults, in the order of the table: each lives in a module of its own."""

from __future__ import annotations

from tests.faults import camera_device, corrupt_stream, rtsp_camera
from tests.faults.outcome import Fault

FAULTS: tuple[Fault, ...] = (rtsp_camera.FAULT, corrupt_stream.FAULT, camera_device.FAULT)
