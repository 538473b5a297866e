"""The cameras, their regions and the broker that a configuration names.

This module is light, because it is asked first.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from edge.capture.sources.address import Source, default_name, parse_source
from edge.config import AgentConfig, CameraConfig
from edge.config_file import read_password
from edge.errors import ConfigError, UsageError
from edge.publish.mqtt.address import BrokerAddress, check_tls, parse_broker_url
from edge.publish.mqtt.embedded_broker import LOOPBACK, embedded_port
from edge.region import Region


def sources_by_name(config: AgentConfig) -> dict[str, Source]:
    """The cameras by name; raises UsageError where two have the same, or their regions have."""
    named: dict[str, Source] = {}
    taken: set[str] = set()
    for camera in config.camera:
        source = parse_source(camera.source)
        name = camera.name or default_name(source)
        names = [region.name for region in camera.region]
        twice = taken.intersection([name, *names]) or {each for each in names if names.count(each) > 1}
        if twice:
            advice = f"name them: --camera front={source.shown} --camera back=…"
            raise UsageError("can't run these cameras", f"two are called {min(twice)}", advice)
        taken.update([name, *names])
        named[name] = source
    return named


def regions_by_name(name: str, camera: CameraConfig) -> dict[str, Region | None]:
    """What a camera shows, by the name under which it is published."""
    return {region.name: region.wanted for region in camera.region} or {name: camera.wanted}


def check_addresses(config: AgentConfig) -> None:
    """Raise UsageError or ConfigError where the address of a camera or of the broker is wrong."""
    from edge.capture.sources.registry import make_opener  # with OpenCV

    for source in sources_by_name(config).values():
        make_opener(source)
    if config.mqtt:
        broker_address(config)


def check_addresses_of_file(file: Path, config: AgentConfig, *, cameras: bool, broker: bool) -> None:
    """Raise ConfigError where the file names a camera or a broker by a wrong address."""
    try:
        if cameras:
            sources_by_name(config)
        if broker:
            broker_address(config)
    except UsageError as error:
        raise ConfigError(f"the configuration {file} is invalid", str(error)) from error


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
