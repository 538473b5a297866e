"""Certificates that can't be used are found at the start, each with its reason."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge.agent.addresses import broker_address
from edge.config import AgentConfig, BrokerConfig
from edge.config_file import load_config
from edge.errors import ConfigError
from edge.publish.mqtt.address import BrokerAddress, check_tls
from tests.support.brokers.certificates import Certificates, make_certificates
from tests.support.tools import need_program


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def address(made: Certificates) -> BrokerAddress:
    client = made.client
    return BrokerAddress("h", 8883, True, ca_file=made.ca, cert_file=client.certificate, key_file=client.key)


def finding(address: BrokerAddress, **changes: Any) -> str:
    with pytest.raises(ConfigError) as refusal:
        check_tls(dataclasses.replace(address, **changes))
    return str(refusal.value)


def test_certificate_and_key_that_fit_are_taken(address: BrokerAddress, tmp_path: Path) -> None:
    check_tls(address)
    both = tmp_path / "both.pem"
    assert address.cert_file is not None
    assert address.key_file is not None
    both.write_bytes(address.cert_file.read_bytes() + address.key_file.read_bytes())
    check_tls(dataclasses.replace(address, cert_file=both, key_file=None))


@pytest.mark.parametrize(("key", "kind"), [("ca_file", "CA file"), ("cert_file", "client certificate")])
def test_a_file_that_is_not_there_is_named(address: BrokerAddress, key: str, kind: str) -> None:
    said = finding(address, **{key: Path("/nowhere.pem")})
    assert said.startswith(f"can't read the {kind} /nowhere.pem: no such file")


def test_a_key_that_is_not_there_is_named(address: BrokerAddress) -> None:
    assert finding(address, key_file=Path("/nowhere.key")).startswith("can't read the key /nowhere.key")


def test_what_is_no_certificate_is_refused(address: BrokerAddress, tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate\n")
    assert "holds no certificate" in finding(address, ca_file=text)
    assert "no certificate or no key" in finding(address, cert_file=text)
    assert "no certificate or no key" in finding(address, key_file=None)


def test_a_key_of_another_certificate_is_refused(address: BrokerAddress, made: Certificates) -> None:
    assert "belongs to another certificate" in finding(address, key_file=made.key)


def test_an_encrypted_key_is_refused_and_nobody_is_asked(address: BrokerAddress, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    command = [need_program("openssl"), "ec", "-aes256", "-passout", "pass:secret"]
    command += ["-in", str(address.key_file), "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    assert "its key is encrypted" in finding(address, key_file=locked)


def test_a_certificate_without_encryption_is_refused(address: BrokerAddress) -> None:
    assert "not encrypted" in finding(address, tls=False)


def test_a_key_without_a_certificate_is_a_wrong_configuration(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[broker]\nkey_file = "key.pem"\n')
    with pytest.raises(ConfigError, match="a key_file needs a cert_file"):
        load_config(file, {}, {})


def test_the_configuration_reaches_the_address(address: BrokerAddress) -> None:
    broker = BrokerConfig(
        url="mqtts://h",
        ca_file=address.ca_file,
        cert_file=address.cert_file,
        key_file=address.key_file,
        keepalive=7,
    )
    assert broker_address(AgentConfig(broker=broker)) == dataclasses.replace(address, keepalive_s=7)
