"""One message, over a connection of its own."""

from __future__ import annotations

import contextlib
import queue
import time

from edge.errors import BrokerUnavailableError
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.client import Acknowledgement
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks
from edge.records import Message


def deliver(address: BrokerAddress, message: Message, timeout_s: float) -> None:
    """Publish one message over a connection of its own; raises BrokerUnavailableError, also where refused."""
    answers: queue.SimpleQueue[Acknowledgement] = queue.SimpleQueue()
    callbacks = ConnectionCallbacks(
        lambda: None, lambda: None, lambda _mid, acknowledgement: answers.put(acknowledgement)
    )
    connection = BrokerConnection(address, "", None, callbacks)
    connection.start()
    try:
        deadline_s = time.monotonic() + timeout_s
        acknowledgement = None
        if connection.wait_until_tried(timeout_s) and connection.publish(message) is not None:
            with contextlib.suppress(queue.Empty):
                acknowledgement = answers.get(timeout=max(0.0, deadline_s - time.monotonic()))
        if acknowledgement is None:
            raise connection.unavailable(f"the broker {address.shown}", "no acknowledgement")
        if acknowledgement is not Acknowledgement.TAKEN:
            what, why = f"the broker {address.shown} does not take the message", connection.refusal
            raise BrokerUnavailableError(what, why, f"let this user publish on {message.topic}")
    finally:
        connection.stop()
