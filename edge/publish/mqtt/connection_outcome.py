"""How an attempt to connect to a broker ended, in words, and which MQTT version to try next. Pure."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import Enum, auto

from edge.publish.mqtt.client import (
    INVALID_CLIENT_ID,
    LOGIN_REFUSALS,
    TAKEN_OVER,
    UNSPECIFIED,
    UNSUPPORTED_VERSION,
    Protocol,
)

# A broker that restarts is back in a second; one that stays away must not be flooded by a fleet.
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
# A shorter connection was thrown out: by another client with our id, for instance.
LASTING_S = 10.0


class How(Enum):
    """How an attempt to be connected ended."""

    STOPPED = auto()
    UNREACHABLE = auto()
    UNANSWERED = auto()
    WRONG_VERSION = auto()
    REFUSED = auto()
    LOST = auto()
    DROPPED = auto()  # the other end closes the connection without a word
    TAKEN_OVER = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt to be connected ended, in words why, and what a person can do about it."""

    how: How
    words: str = ""
    advice: str = ""


class VersionChoice:
    """Which version of MQTT to speak: 5, or 3.1.1 where 5 is refused or met with silence."""

    def __init__(self) -> None:
        self.present = Protocol.MQTT_5
        self._proven = False

    def worked(self) -> None:
        """The present version let us in: stay with it."""
        self._proven = True

    def failed(self, how: How) -> bool:
        """Choose for the next attempt; true if it should come at once, with the other version."""
        if how not in (How.UNANSWERED, How.WRONG_VERSION):
            return False
        if self._proven and how is How.UNANSWERED:  # once may be a broker that is just going down
            self._proven = False
            return False
        self._proven = False
        fallback = self.present is Protocol.MQTT_5
        self.present = Protocol.MQTT_3 if fallback else Protocol.MQTT_5
        return fallback


class RetryDelay:
    """How long to wait before the next attempt: longer each time, until a connection has lasted."""

    def __init__(self) -> None:
        self._next_s = FIRST_RETRY_S

    def after(self, outcome: Outcome, lasted_s: float) -> float:
        """The delay after this attempt."""
        thrown_out = outcome.how in (How.DROPPED, How.TAKEN_OVER)
        if outcome.how is How.LOST or (thrown_out and lasted_s > LASTING_S):
            self._next_s = FIRST_RETRY_S
        delay_s, self._next_s = self._next_s, min(2 * self._next_s, LAST_RETRY_S)
        return delay_s


def unreachable(error: Exception) -> Outcome:
    """There was no connection, or no TLS on it."""
    words = _words(error)
    if isinstance(error, ssl.SSLError) and "alert" in words:
        return unanswered(words)
    return Outcome(How.UNREACHABLE, f"unreachable ({words})")


def unanswered(words: str = "") -> Outcome:
    """The connection was taken, and closed with these words, or left in silence, instead of an answer."""
    if not words:
        return Outcome(How.UNANSWERED, "unreachable (it takes the connection and does not answer)")
    if "certificate required" in words or "handshake failure" in words:
        return Outcome(How.REFUSED, "refuses us without a client certificate", "set cert_file and key_file")
    if "alert" in words:
        return Outcome(How.REFUSED, f"refuses our certificate ({words})")
    return Outcome(How.UNANSWERED, f"unreachable (it closes the connection without an answer: {words})")


def refused(code: int, words: str) -> Outcome:
    """The broker has answered, and does not let us in."""
    if code == UNSUPPORTED_VERSION:
        return Outcome(How.WRONG_VERSION, "speaks neither MQTT 5 nor 3.1.1")
    if code in LOGIN_REFUSALS:
        return Outcome(How.REFUSED, f"refuses the login ({words})", "check the user and the password")
    if code == INVALID_CLIENT_ID:
        return Outcome(How.REFUSED, f"refuses the client id ({words})", "choose another --device-id")
    return Outcome(How.REFUSED, f"refuses the connection ({words})")


def ended(code: int, words: str) -> Outcome:
    """A connection that we were logged in on is over."""
    if code == TAKEN_OVER:
        return Outcome(How.TAKEN_OVER)
    return Outcome(How.DROPPED if code == UNSPECIFIED else How.LOST, f"connection lost ({words})")


def _words(error: Exception) -> str:
    """Why a connection failed, without the error's number."""
    strerror = getattr(error, "strerror", None)
    return strerror.lower() if strerror else str(error)
