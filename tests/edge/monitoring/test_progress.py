"""When the agent counts as stuck, told by a made-up clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.monitoring.progress import CameraSign, Progress, ProgressLimits, acknowledge_limit_s
from edge.publish.sink import SinkLiveness

LIMITS = ProgressLimits(capture_s=30, frameless_s=60, answer_s=20, broker_s=50, acknowledge_s=40)
DELIVERING = CameraSign(live=True, delivering=True, alive_s=0, answered_s=0, waits=False)
LOST = CameraSign(live=True, delivering=False, alive_s=0, answered_s=None, waits=False)
UP = SinkLiveness(alive_s=0, problem=None, waiting=0, answered=0)
AWAY = SinkLiveness(alive_s=0, problem="unreachable", waiting=7, answered=0)


@pytest.mark.parametrize(
    ("sign", "now_s", "hung"),
    [
        (DELIVERING, 30, False),
        (DELIVERING, 31, True),
        (LOST, 31, True),
        (replace(DELIVERING, alive_s=1000, answered_s=1000), 1030, False),
        (replace(DELIVERING, alive_s=1000, answered_s=1000), 1031, True),
        # Gone for long while the thread goes on trying: handled.
        (replace(LOST, alive_s=1000), 1030, False),
        # The thread turns, and says that it delivers, but nothing comes.
        (replace(DELIVERING, alive_s=1000, answered_s=940), 1000, False),
        (replace(DELIVERING, alive_s=1000, answered_s=939), 1000, True),
        (replace(DELIVERING, alive_s=1000, answered_s=None), 1000, True),
        # A recording may wait for room as long as it likes.
        (replace(DELIVERING, live=False), 1000, False),
    ],
)
def test_a_live_camera_delivers_or_is_being_looked_for(sign: CameraSign, now_s: float, hung: bool) -> None:
    progress = Progress(LIMITS)
    progress.camera_started("front", 0)
    progress.camera_seen("front", sign, now_s)
    found = progress.hung(now_s)
    assert (found is not None) == hung
    assert found is None or found.startswith("camera front: ")


def test_a_camera_has_its_time_from_its_own_start() -> None:
    progress = Progress(LIMITS)
    progress.camera_started("front", 500)
    progress.camera_seen("front", LOST, 500)
    assert progress.hung(529) is None
    assert progress.hung(531)


def test_a_camera_that_is_done_is_expected_to_do_nothing() -> None:
    progress = Progress(LIMITS)
    progress.camera_started("front", 0)
    progress.camera_seen("front", DELIVERING, 0)
    progress.camera_done("front")
    progress.frame_answered("front")
    assert progress.hung(1000) is None


def test_one_stuck_camera_is_named_among_others() -> None:
    progress = Progress(LIMITS)
    for name, alive_s in (("front", 100), ("yard", 50)):
        progress.camera_started(name, 0)
        progress.camera_seen(name, replace(DELIVERING, alive_s=alive_s, answered_s=alive_s), 100)
    assert progress.hung(100) == "camera yard: its thread has not moved for 30 s"


def test_a_frame_must_come_out_of_inference() -> None:
    progress = Progress(LIMITS)
    progress.camera_started("front", 0)
    for now_s in range(80, 100, 5):
        progress.camera_seen("front", replace(DELIVERING, alive_s=100, answered_s=100, waits=True), now_s)
    assert progress.hung(100) is None
    assert "waiting for its scores" in str(progress.hung(101))
    progress.frame_answered("front")
    assert progress.hung(101) is None


def test_an_inbox_that_is_always_full_is_no_matter_while_frames_are_answered() -> None:
    progress = Progress(LIMITS)
    progress.camera_started("front", 0)
    for now_s in range(100):
        waiting = replace(DELIVERING, alive_s=now_s, answered_s=now_s, waits=True)
        progress.camera_seen("front", waiting, now_s)
        progress.frame_answered("front")
        assert progress.hung(now_s + 15) is None


@pytest.mark.parametrize(
    ("livenesss", "hung"),
    [
        # Away for long, and nothing waits for long: both are handled.
        ([(0, AWAY), (1000, replace(AWAY, alive_s=1000))], None),
        ([(0, UP), (1000, replace(UP, alive_s=1000))], None),
        # Its thread does not turn.
        ([(0, AWAY), (51, AWAY)], "thread has not moved"),
        ([(0, UP), (51, UP)], "thread has not moved"),
        # Connected, events wait, and some are answered or none.
        ([(0, UP), (41, replace(UP, alive_s=41, waiting=1, answered=1))], None),
        ([(0, UP), (1, replace(UP, waiting=1)), (41, replace(UP, alive_s=41, waiting=9))], "answered no"),
        # The clock starts with the connection.
        (
            [(0, AWAY), (1000, replace(AWAY, alive_s=1000)), (1035, replace(UP, alive_s=1035, waiting=7))],
            None,
        ),
    ],
)
def test_events_get_away_or_the_broker_is_known_to_be(
    livenesss: list[tuple[float, SinkLiveness]], hung: str | None
) -> None:
    progress = Progress(LIMITS)
    for now_s, liveness in livenesss:
        progress.sink_seen(0, liveness, now_s)
    found = progress.hung(livenesss[-1][0])
    assert found is None if hung is None else hung in str(found)


def test_what_is_said_does_not_change_while_it_lasts() -> None:
    progress = Progress(LIMITS)
    progress.camera_started("front", 0)
    progress.camera_seen("front", DELIVERING, 0)
    assert len({progress.hung(now_s) for now_s in range(31, 60)}) == 1


@pytest.mark.parametrize(("keepalive_s", "limit_s"), [(1, 60), (20, 60), (300, 620)])
def test_a_slow_keep_alive_gets_its_time(keepalive_s: float, limit_s: float) -> None:
    assert acknowledge_limit_s(keepalive_s) == limit_s
