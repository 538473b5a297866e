"""On the way to a server: does its name resolve, does its port answer, is its certificate good?"""

from __future__ import annotations

import contextlib
import errno
import shutil
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from edge.doctor.user import as_root
from edge.mqtt.broker_address import BrokerAddress, tls_context

TIMEOUT_S = 5.0
NO_TIME_CHECK = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME
# OpenSSL's X509_V_ERR_…
NOT_YET_VALID, EXPIRED, WRONG_NAMES = 9, 10, (62, 64)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the command or the change that mends it."""

    detail: str
    remedy: str


def fault_on_the_way(host: str, port: int) -> Fault | None:
    """Why no connection can be made; None where one can."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return _unknown_name(host)
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except TimeoutError:
        return Fault(
            f"{host} does not answer within {TIMEOUT_S:g} s: off, a firewall, or another address",
            f"ping {host}",
        )
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:
            return Fault(f"{host} is there, but nothing listens on port {port}", "")
        return Fault(f"{host} can't be reached: {(error.strerror or str(error)).lower()}", "ip route")
    return None


def fault_of_tls(address: BrokerAddress) -> Fault | None:
    """Why the server's certificate is not taken; None where it is. Raises ConfigError for files of ours."""
    try:
        with _shaken_hands(address, tls_context(address)):
            return None
    except ssl.SSLCertVerificationError as error:
        return _bad_certificate(address, error)
    except ssl.SSLError as error:
        if error.reason == "WRONG_VERSION_NUMBER":
            return Fault(
                f"port {address.port} does not speak TLS",
                f'write url = "mqtt://{address.host}:{address.port}"',
            )
        return None  # an alert: the login tells more of it
    except OSError:
        return None


def speaks_tls(host: str, port: int) -> bool:
    """True if a TLS server listens there, whatever its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _shaken_hands(BrokerAddress(host, port), context):
            return True
    except OSError:
        return False


def is_this_machine(host: str) -> bool:
    """True for the loopback's names and addresses."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _shaken_hands(address: BrokerAddress, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((address.host, address.port), TIMEOUT_S)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(plain))
        wrapped = context.wrap_socket(plain, server_hostname=address.host)
        stack.pop_all()
        return wrapped


def _unknown_name(host: str) -> Fault:
    if host.endswith(".local") and shutil.which("avahi-daemon", path="/usr/sbin:/sbin") is None:
        return Fault(f"the name {host} is not known here", as_root("apt install avahi-daemon libnss-mdns"))
    return Fault(
        f"the name {host} is not known here",
        f"getent hosts {host}  # until it answers; or write the address as numbers",
    )


def _bad_certificate(address: BrokerAddress, error: ssl.SSLCertVerificationError) -> Fault:
    certificate = _certificate(address)
    if error.verify_code in WRONG_NAMES:
        names = [name for _, name in certificate.get("subjectAltName", ())]
        detail = f"its certificate is for {', '.join(names) or 'no name'}, not for {address.host}"
        write = f'write url = "mqtts://{names[0]}:{address.port}" in agent.toml' if names else ""
        return Fault(detail, write or f"give the broker a certificate for {address.host}")
    if error.verify_code == EXPIRED:
        until = certificate.get("notAfter", "an earlier time")
        return Fault(
            f"its certificate expired: it was valid until {until}",
            "date  # if that is right, the broker needs a new certificate",
        )
    if error.verify_code == NOT_YET_VALID:
        since = certificate.get("notBefore", "a later time")
        detail = f"its certificate is not yet valid: only from {since}"
        return Fault(detail, f"{as_root('timedatectl set-ntp true')}  # if `date` is wrong")
    who = f"by {address.ca_file}" if address.ca_file else "by this system"
    write = 'write ca_file = "/etc/edge-agent/ca.pem" into [broker] of agent.toml'
    detail = f"its certificate is not trusted {who} ({error.verify_message})"
    return Fault(detail, f"copy the certificate of the broker's CA here, and {write}")


def _certificate(address: BrokerAddress) -> dict[str, Any]:
    """The certificate, where all but its names and its time is right; else nothing."""
    context = tls_context(address)
    context.check_hostname = False
    context.verify_flags |= NO_TIME_CHECK
    try:
        with _shaken_hands(address, context) as connection:
            return dict(connection.getpeercert() or {})
    except OSError:
        return {}
