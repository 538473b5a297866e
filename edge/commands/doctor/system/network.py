"""On the way to a server: does its name resolve, does its port answer, is its certificate good?"""

from __future__ import annotations

import contextlib
import errno
import shutil
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from edge.commands.doctor.system.user import as_root
from edge.publish.mqtt.address import BrokerAddress, tls_context

# A server on the same network answers in milliseconds, one far away within a second or two.
TIMEOUT_S = 5.0
# TLS 1.3 reports a refused certificate one round trip after the handshake.
REFUSAL_S = 1.0
NO_TIME_CHECK = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME
WANTS_CERTIFICATE = ("CERTIFICATE REQUIRED", "HANDSHAKE FAILURE", "ALERT BAD CERTIFICATE", "ALERT UNKNOWN CA")
CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"  # MQTT 3.1.1, 3.1: nobody, for ten seconds
CONNACK = b"\x20"
# OpenSSL's X509_V_ERR_…
NOT_YET_VALID, EXPIRED, WRONG_NAMES, UNTRUSTED = 9, 10, (62, 64), (18, 19, 20, 21)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the command or the change that mends it."""

    detail: str
    remedy: str


def find_network_fault(host: str, port: int) -> Fault | None:
    """Why no connection can be made; None where one can."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return _unknown_name(host)
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except TimeoutError:
        detail = f"{host} does not answer within {TIMEOUT_S:g} s: off, a firewall, or another address"
        return Fault(detail, f"ping {host}")
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:
            return Fault(f"{host} is there, but nothing listens on port {port}", "")
        why = (error.strerror or str(error)).lower()
        return Fault(f"{host} can't be reached: {why}", "ip route  # is there a way to it?")
    return None


def find_tls_fault(address: BrokerAddress) -> Fault | None:
    """Why TLS with a broker fails; None where it does not. Raises ConfigError for files of our own."""
    try:
        with _shake_hands(address, tls_context(address)) as connection:
            connection.settimeout(REFUSAL_S)
            connection.recv(1)  # TLS 1.3 tells only now that it wanted a certificate
    except ssl.SSLCertVerificationError as error:
        return _bad_certificate(address, error)
    except TimeoutError:  # it waits for us to say something
        return None
    except OSError as error:
        if any(word in str(error).upper() for word in WANTS_CERTIFICATE):
            detail = "it refuses us without a certificate of our own, or does not take ours"
            return Fault(detail, 'write cert_file = "…" and key_file = "…" into [broker] of agent.toml')
        if _speaks_plain_mqtt(address):
            plain = f"mqtt://{address.host}:{address.port}"
            return Fault("the port does not speak TLS", f'write url = "{plain}"')
    return None


def speaks_tls(host: str, port: int) -> bool:
    """True if a TLS server listens there, whatever its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _shake_hands(BrokerAddress(host, port), context):
            return True
    except OSError:
        return False


def is_this_machine(host: str) -> bool:
    """True for the loopback's names and addresses."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _speaks_plain_mqtt(address: BrokerAddress) -> bool:
    try:
        with socket.create_connection((address.host, address.port), TIMEOUT_S) as connection:
            connection.sendall(CONNECT)
            return connection.recv(1) == CONNACK
    except OSError:
        return False


def _shake_hands(address: BrokerAddress, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((address.host, address.port), TIMEOUT_S)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(plain))
        wrapped = context.wrap_socket(plain, server_hostname=address.host)
        stack.pop_all()
        return wrapped


def _unknown_name(host: str) -> Fault:
    if host.endswith(".local") and shutil.which("avahi-daemon", path="/usr/sbin:/sbin") is None:
        return Fault(f"the name {host} is not known here", as_root("apt install avahi-daemon libnss-mdns"))
    ask = f"getent hosts {host}  # until it answers; or write the address as numbers"
    return Fault(f"the name {host} is not known here", ask)


def _bad_certificate(address: BrokerAddress, error: ssl.SSLCertVerificationError) -> Fault:
    certificate = _certificate(address)
    if error.verify_code in WRONG_NAMES:
        names = [name for _, name in certificate.get("subjectAltName", ())]
        detail = f"its certificate is for {', '.join(names) or 'no name'}, not for {address.host}"
        write = f'write url = "mqtts://{names[0]}:{address.port}" in agent.toml' if names else ""
        return Fault(detail, write or f"give the broker a certificate for {address.host}")
    if error.verify_code == EXPIRED:
        until = certificate.get("notAfter", "an earlier time")
        detail = f"its certificate expired: it was valid until {until}"
        return Fault(detail, "date  # if that is right, the broker needs a new certificate")
    if error.verify_code == NOT_YET_VALID:
        since = certificate.get("notBefore", "a later time")
        detail = f"its certificate is not yet valid: only from {since}"
        return Fault(detail, f"{as_root('timedatectl set-ntp true')}  # if `date` is wrong")
    if error.verify_code not in UNTRUSTED:
        show = f"openssl s_client -connect {address.host}:{address.port} | openssl x509 -noout -text"
        detail = f"its certificate is refused: {error.verify_message}"
        return Fault(detail, f"{show}  # shows it; the broker needs another one")
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
        with _shake_hands(address, context) as connection:
            return dict(connection.getpeercert() or {})
    except OSError:
        return {}
