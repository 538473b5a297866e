"""`--broker embedded`: a broker of our own on loopback, for trying things out without installing one."""

from __future__ import annotations

from typing import Any

from edge.distribution import install_hint
from edge.errors import BrokerUnavailableError, UsageError
from edge.publish.mqtt.address import BrokerAddress

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 1883
MAX_PAYLOAD_BYTES = 1024 * 1024  # its own limit of 20 KiB is less than the scores of a 1,000-label model
ADVICE = "write embedded or embedded:PORT"


def embedded_port(url: str) -> int | None:
    """The port of `embedded[:PORT]`, or None for any other address; raises UsageError."""
    name, _, port = url.partition(":")
    if name != "embedded":
        return None
    if not port:
        return DEFAULT_PORT
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"can't use the broker {url}", f"{port!r} is not a port", ADVICE)
    return int(port)


class EmbeddedBroker:
    """An MQTT broker in a child process that ends with ours."""

    def __init__(self, port: int) -> None:
        """Start it; raises BrokerUnavailableError if it is not installed or the port is taken."""
        self.address = BrokerAddress(LOOPBACK, port)
        self._broker = _start(port)

    def stop(self) -> None:
        """Stop it and free the port."""
        self._broker.stop()


def _start(port: int) -> Any:
    try:
        import iotcore
    except ImportError as error:
        advice = f"{install_hint('embedded')}, or use a broker such as Mosquitto"
        raise BrokerUnavailableError("can't start the embedded broker", str(error), advice) from error
    try:
        broker = iotcore.Broker(port=port, listen=LOOPBACK, max_payload_size=MAX_PAYLOAD_BYTES)
        return broker.start()
    except (OSError, RuntimeError) as error:
        advice = f"choose another port: embedded:{port + 1}"
        raise BrokerUnavailableError(
            f"can't start the embedded broker on port {port}", str(error), advice
        ) from error
