"""`edge-agent cameras`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from edge.commands import options
from edge.commands.process import set_up_logging
from edge.errors import CameraUnavailableError

if TYPE_CHECKING:
    from edge.capture.sources.v4l2 import VideoDevice

# More sizes than this would not fit on a line; --json lists them all.
MAX_SIZES = 8


def cameras_command(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """List the connected cameras with node, name, lasting link, formats and sizes."""
    set_up_logging(debug, quiet=True)
    from edge.capture.sources.v4l2 import NEXT_STEPS, list_devices

    devices = list_devices()
    if not devices:
        raise CameraUnavailableError("there is no camera", "no V4L2 device gives pictures", NEXT_STEPS)
    for device in devices:
        if as_json:
            print(json.dumps(asdict(device), ensure_ascii=False, default=str))
            continue
        for line in lines(device):
            print(line)


def lines(device: VideoDevice) -> list[str]:
    """A camera for people: one line, then what is known of it, indented."""
    told = [f"{device.node}  {device.name}"]
    if device.link:
        told.append(f"    {device.link}")
    if device.problem:
        told.append(f"    can't be asked: {device.problem}")
    for pixels in device.formats:
        more = len(pixels.sizes) - MAX_SIZES
        sizes = " ".join(pixels.sizes[:MAX_SIZES]) + (f" and {more} more" if more > 0 else "")
        told.append(f"    {pixels.code:5}{sizes}".rstrip())
    return told
