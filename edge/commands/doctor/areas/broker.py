"""The broker: where the login does not succeed, which step on the way to it fails."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.system.network import (
    Fault,
    find_network_fault,
    find_tls_fault,
    is_this_machine,
    speaks_tls,
)
from edge.commands.doctor.system.programs import answer
from edge.commands.doctor.system.user import as_root, is_root, program
from edge.errors import EdgeError
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.embedded_broker import embedded_port

if TYPE_CHECKING:
    from edge.config import AgentConfig, BrokerConfig

UNAVAILABLE = 69
REMOTE_SILENT = (
    "systemctl status mosquitto  # on {host}; Mosquitto 2 wants `listener {port}` to be reached from outside"
)


def examine(config: AgentConfig, logins: list[Finding] | None) -> list[Finding]:
    """The login's, explained where it fails; None where it could not be tried: the way up to it."""
    from edge.agent.addresses import broker_address  # with pydantic, which may not be there

    try:
        if embedded_port(config.broker.url) is not None:
            return logins or []
        address = broker_address(config)
        if logins is not None:
            return [_explain(found, address, config.broker) for found in logins]
        fault = _find_fault(address)
    except EdgeError as error:
        return [failure("broker", f"{error.what}: {error.why}", error.what_to_do, error.exit_code)]
    if fault is not None:
        return [failure("broker", f"{address.shown}: {fault.detail}", fault.remedy, UNAVAILABLE)]
    detail = f"{address.shown} is reached; the login was not tried"
    return [warning("broker", detail, "mend the packages first")]


def _explain(found: Finding, address: BrokerAddress, broker: BrokerConfig) -> Finding:
    if found.exit_code != UNAVAILABLE:
        return found
    fault = _find_fault(address) or _find_login_fault(found, address, broker)
    if fault is None:
        return found
    return failure("broker", f"{address.shown}: {fault.detail}", fault.remedy, UNAVAILABLE)


def _find_fault(address: BrokerAddress) -> Fault | None:
    fault = find_network_fault(address.host, address.port)
    if fault is not None:
        return fault if fault.remedy else Fault(fault.detail, _start(address))
    if address.tls:
        return find_tls_fault(address)
    if speaks_tls(address.host, address.port):
        return Fault("the port speaks TLS", f'write url = "mqtts://{address.host}:{address.port}"')
    return None


def _start(address: BrokerAddress) -> str:
    if not is_this_machine(address.host):
        return REMOTE_SILENT.format(host=address.host, port=address.port)
    if shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None:
        return as_root("apt install mosquitto")
    if answer("systemctl", ["is-active", "mosquitto"]) is not None:
        return f"{as_root('ss -ltnp')} | grep mosquitto  # it runs, with `listener` lines for other ports"
    return as_root("systemctl start mosquitto")


def _find_login_fault(found: Finding, address: BrokerAddress, broker: BrokerConfig) -> Fault | None:
    if "refuses the login" not in found.detail:
        return None
    scheme = "mqtts" if address.tls else "mqtt"
    if address.username is None:
        detail = "it wants a user and a password, and no user is named"
        return Fault(detail, f'write url = "{scheme}://USER@{address.host}:{address.port}"')
    detail = f"it refuses the user {address.username} or the password"
    if broker.password_file is not None:
        show = as_root(f"cat {broker.password_file}")
        return Fault(detail, f"{show}  # is it the one that the broker knows?")
    if address.password is None and not is_root():
        again = f"sudo {program()} doctor"
        return Fault(f"{detail}: none was given", f"{again}  # root can read the unit's password")
    return Fault(detail, f"EDGE_AGENT_BROKER_PASSWORD=… {program()} doctor  # is it this one?")
