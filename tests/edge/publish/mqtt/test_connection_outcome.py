"""What the end of an attempt means for the next one."""

from __future__ import annotations

import pytest

from edge.publish.mqtt.client import Protocol
from edge.publish.mqtt.connection_outcome import How, VersionChoice, ended


@pytest.mark.parametrize("failure", [How.UNREACHABLE, How.REFUSED, How.LOST, How.DROPPED, How.TAKEN_OVER])
def test_what_says_nothing_of_the_version_changes_nothing(failure: How) -> None:
    choice = VersionChoice()
    assert not choice.failed(failure)
    assert choice.present is Protocol.MQTT_5


def test_a_version_that_worked_is_not_left_at_the_first_silence() -> None:
    choice = VersionChoice()
    choice.worked()
    assert not choice.failed(How.UNANSWERED)
    assert choice.present is Protocol.MQTT_5
    assert choice.failed(How.UNANSWERED)
    assert choice.present is Protocol.MQTT_3


def test_a_broker_that_was_exchanged_is_spoken_to_in_its_own_version() -> None:
    choice = VersionChoice()
    choice.worked()
    assert choice.failed(How.WRONG_VERSION)
    assert choice.present is Protocol.MQTT_3


@pytest.mark.parametrize(
    ("code", "how"), [(0x80, How.DROPPED), (0x8B, How.LOST), (0x8D, How.LOST), (0x8E, How.TAKEN_OVER)]
)
def test_only_a_connection_closed_without_a_word_may_mean_another_agent(code: int, how: How) -> None:
    assert ended(code, "words").how is how
