"""`edge-agent homeassistant`."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.commands import options
from edge.commands.process import set_up_logging
from edge.commands.settings import load
from edge.errors import UsageError

# The connection may try two versions of MQTT, one after the other.
TIMEOUT_S = 15.0


def homeassistant_command(
    remove: Annotated[bool, typer.Option("--remove", help="Take the device out.")] = False,
    device_id: options.Device = None,
    broker: options.Broker = None,
    config: options.Config = None,
    debug: options.Debug = False,
) -> None:
    """Take a device out of Home Assistant again (--remove); `edge-agent --homeassistant` puts it in."""
    set_up_logging(debug, quiet=True)
    if not remove:
        advice = "write --remove to take the device out, or edge-agent --homeassistant … to put it in"
        raise UsageError("there is nothing to do", "", advice)
    from edge.agent.addresses import broker_address
    from edge.publish.mqtt.homeassistant import removal
    from edge.publish.mqtt.single_message import deliver

    settings = load(config, None, broker, device_id=device_id)
    deliver(broker_address(settings), removal(settings.device_id, settings.homeassistant_prefix), TIMEOUT_S)
    print(f"removed {settings.device_id} from Home Assistant; an agent that still runs puts it in again")
