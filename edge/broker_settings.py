"""Where the configured broker is: what the agent, `check`, `doctor` and `listen` connect to."""

from __future__ import annotations

import dataclasses

from edge.config import AgentConfig, read_password
from edge.mqtt.broker_address import BrokerAddress, check_tls, parse_broker_url
from edge.mqtt.embedded import LOOPBACK, embedded_port


def broker_address(config: AgentConfig) -> BrokerAddress:
    """Where the configured broker is, with the password from its safe place."""
    port = embedded_port(config.broker.url)
    if port is not None:
        return BrokerAddress(LOOPBACK, port)
    address = dataclasses.replace(
        parse_broker_url(config.broker.url, read_password(config.broker), config.broker.ca_file),
        cert_file=config.broker.cert_file,
        key_file=config.broker.key_file,
        keepalive_s=config.broker.keepalive,
    )
    check_tls(address)
    return address
