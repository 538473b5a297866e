"""Where a broker is, who we are there, and the TLS context that both ends must agree on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from edge.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import ssl

KEEPALIVE_S = 20
PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and who we are there; the password is never shown.

    cert_file, key_file: our own certificate; the key may stand in the same file. keepalive_s: a connection
    that is silent for so long is asked for a sign of life, and given up after as long again.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = KEEPALIVE_S

    @property
    def shown(self) -> str:
        """The address for logs, without user and password."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_broker_url(url: str, password: str | None = None, ca_file: Path | None = None) -> BrokerAddress:
    """`mqtt://user@host:1883` or `mqtts://host` as an address; raises UsageError."""
    advice = "write mqtt://user@host:1883, mqtts://host:8883 or embedded"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError("can't use the broker address", str(error), advice) from error
    if parts.scheme not in PORTS or not parts.hostname:
        shown = f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else url.rpartition("@")[2]
        raise UsageError(f"can't use the broker {shown}", "not an MQTT address", advice)
    if parts.password is not None:
        why = "a password in an address ends up in logs and process lists"
        what_to_do = "put it in EDGE_AGENT_BROKER_PASSWORD or a password_file"
        raise UsageError(f"can't use the broker {parts.scheme}://{parts.hostname}", why, what_to_do)
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as error:
        raise UsageError(f"can't use the broker {parts.hostname}", str(error), advice) from error
    username = unquote(parts.username) if parts.username else None
    return BrokerAddress(parts.hostname, port, parts.scheme == "mqtts", username, password, ca_file)


def check_tls(address: BrokerAddress) -> None:
    """Raise ConfigError where the address' certificates can't be used."""
    if address.cert_file is not None and not address.tls:
        what = f"can't show the client certificate {address.cert_file} to {address.shown}"
        raise ConfigError(what, "the connection is not encrypted", "write mqtts:// or leave out cert_file")
    if address.tls:
        tls_context(address)


def tls_context(address: BrokerAddress) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the given CA or the system's, and our own certificate; raises ConfigError."""
    import ssl  # 5 ms

    if address.ca_file is not None:
        _check_readable("CA file", address.ca_file)
    try:
        context = ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        what = f"can't use the CA file {address.ca_file}"
        raise ConfigError(what, "it holds no certificate", "give the CA's certificate in PEM form") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if address.cert_file is not None:
        _load_certificate(context, address.cert_file, address.key_file)
    return context


def _load_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    _check_readable("client certificate", certificate)
    if key is not None:
        _check_readable("key", key)
    questions: list[str] = []

    def passphrase() -> str:  # without it OpenSSL would ask on the terminal, and wait
        questions.append("passphrase")
        return ""

    try:
        context.load_cert_chain(certificate, key, passphrase)
    except (OSError, ValueError) as error:
        what = f"can't use the client certificate {certificate}"
        if questions:
            raise ConfigError(what, "its key is encrypted", "store the key without a passphrase") from error
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            why = f"the key {key or certificate} belongs to another certificate"
            raise ConfigError(what, why, "give the two that were made together") from error
        advice = "give cert_file and key_file in PEM form"
        raise ConfigError(what, "there is no certificate or no key in the files", advice) from error


def _check_readable(kind: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"can't read the {kind} {path}", why, "check the path and its permissions"
        ) from error
