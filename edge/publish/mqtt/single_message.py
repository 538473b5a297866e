"""One message, over a connection of its own."""

from __future__ import annotations

import contextlib
import queue
import time

from edge.errors import BrokerUnavailableError
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.client import Answer
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks, Login
from edge.records import Message


def deliver(address: BrokerAddress, message: Message, timeout_s: float) -> None:
    """Publish one message over a connection of its own; raises BrokerUnavailableError, also where refused."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    callbacks = ConnectionCallbacks(on_answered=lambda _mid, answer: answers.put(answer))
    connection = BrokerConnection(Login(address, ""), callbacks)
    connection.start()
    try:
        deadline_s = time.monotonic() + timeout_s
        answer = None
        if connection.wait_until_tried(timeout_s) and connection.publish(message) is not None:
            with contextlib.suppress(queue.Empty):
                answer = answers.get(timeout=max(0.0, deadline_s - time.monotonic()))
        if answer is None:
            raise connection.report.unavailable(otherwise="no acknowledgement")
        if answer is not Answer.TAKEN:
            what, why = f"the broker {address.shown} does not take the message", connection.report.refusal
            raise BrokerUnavailableError(what, why, f"let this user publish on {message.topic}")
    finally:
        connection.stop()
