"""What is wrong with the connection to a broker, in words, for the log and for whoever asks."""

from __future__ import annotations

import logging
import time

from edge.errors import BrokerUnavailableError
from edge.publish.mqtt.client import Answer
from edge.publish.mqtt.connection_outcome import LASTING_S, How, Outcome

log = logging.getLogger(__name__)

# So many connections in a row that are dropped soon mean just that.
SHORT_LOGINS = 3
# Two clients with one id throw each other out at least so often: four times the longest retry delay.
CONFLICT_REMEMBERED_S = 120.0
USUAL_ADVICE = "start it, or check the address"


class ConnectionReport:
    """Each change is logged once; `shown` is the broker's address, `device` who we say that we are."""

    def __init__(self, shown: str, device: str) -> None:
        self.refusal = ""  # why the broker did not take the last message that it refused
        self.refused_topics: tuple[str, ...] = ()  # subscriptions that it does not grant
        self._shown, self._device = shown, device
        self._words: str | None = "not connected yet"
        self._advice = ""
        self._conflict, self._conflict_until_s = "", 0.0
        self._short_logins = 0

    @property
    def problem(self) -> str | None:
        """What is wrong, with what to do about it; None where all is well."""
        if self._words is None:
            return self._conflict if self._in_conflict else None
        return f"{self._words}; {self._advice}" if self._advice else self._words

    @property
    def _in_conflict(self) -> bool:
        return time.monotonic() < self._conflict_until_s

    def unavailable(self, what: str = "", otherwise: str = "no answer") -> BrokerUnavailableError:
        """The error of somebody who can't do without the broker.

        what: what can't be done without it; otherwise: why, where nothing is known to be wrong.
        """
        what = what or f"the broker {self._shown} is not available"
        return BrokerUnavailableError(what, self._words or otherwise, self._advice or USUAL_ADVICE)

    def note_login(self, version: str) -> None:
        """The broker has let us in."""
        if self._words is not None:
            level = logging.DEBUG if self._in_conflict else logging.INFO
            log.log(level, "broker %s: connected, %s", self._shown, version)
        self._words, self._advice = None, ""

    def note_outcome(self, outcome: Outcome, lasted_s: float) -> None:
        """An attempt is over; short connections in a row mean another client with our id."""
        short_s = CONFLICT_REMEMBERED_S if self._in_conflict else LASTING_S
        short = outcome.how is How.DROPPED and lasted_s < short_s
        self._short_logins = self._short_logins + 1 if short else 0
        if outcome.how is How.TAKEN_OVER:
            self._note_conflict("uses")
        elif self._short_logins >= SHORT_LOGINS:  # MQTT 3.1.1 has no word for it, and Mosquitto 2.0 says none
            self._note_conflict("probably uses")
        elif outcome.words != self._words:
            self._words, self._advice = outcome.words, outcome.advice
            log.warning("broker %s: %s; trying again", self._shown, self.problem)

    def note_answer(self, answer: Answer, refusal: str) -> None:
        """The broker has answered a message of ours: MQTT 5 tells why it does not take one."""
        if answer is Answer.TAKEN or refusal == self.refusal:
            return
        self.refusal = refusal
        if answer is Answer.NOT_NOW:
            advice = "events are kept and offered again; raise the broker's limits if this lasts"
        else:
            advice = "let this user publish under the agent's topics"
        log.warning("broker %s: refuses a message (%s); %s", self._shown, refusal, advice)

    def note_refused_topics(self, topics: tuple[str, ...], refusal: str) -> None:
        """Nothing will arrive there. It is said once, and again only if it becomes another set of topics."""
        if topics and topics != self.refused_topics:
            what = f"refuses to subscribe us to {', '.join(topics)} ({refusal})"
            advice = "allow it in the broker's access rules (ACL)"
            log.warning("broker %s: %s; %s", self._shown, what, advice)
        self.refused_topics = topics

    def _note_conflict(self, uses: str) -> None:
        """Said once, however often two agents throw each other out."""
        what = f"another agent {uses} the device id {self._device}"
        advice = "give each a --device-id of its own"
        self._conflict = f"{what}; {advice}"
        if not self._in_conflict:
            log.warning("broker %s: %s", self._shown, self._conflict)
        self._conflict_until_s = time.monotonic() + CONFLICT_REMEMBERED_S
        self._words, self._advice = what, advice
