"""One message, over a connection of its own."""

from __future__ import annotations

import contextlib
import queue
import time

from edge.errors import BrokerUnavailableError
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.client import Verdict
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks
from edge.records import Message


def deliver(address: BrokerAddress, message: Message, timeout_s: float) -> None:
    """Publish one message over a connection of its own; raises BrokerUnavailableError, also where refused."""
    answers: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
    callbacks = ConnectionCallbacks(lambda: None, lambda: None, lambda _mid, verdict: answers.put(verdict))
    connection = BrokerConnection(address, "", None, callbacks)
    connection.start()
    try:
        deadline_s = time.monotonic() + timeout_s
        verdict = None
        if connection.wait_until_tried(timeout_s) and connection.publish(message) is not None:
            with contextlib.suppress(queue.Empty):
                verdict = answers.get(timeout=max(0.0, deadline_s - time.monotonic()))
        if verdict is None:
            raise connection.unavailable(f"the broker {address.shown}", "no acknowledgement")
        if verdict is not Verdict.TAKEN:
            what, why = f"the broker {address.shown} does not take the message", connection.refusal
            raise BrokerUnavailableError(what, why, f"let this user publish on {message.topic}")
    finally:
        connection.stop()
