"""How long a camera may be silent, and how long to wait before it is opened again."""

from __future__ import annotations

import pytest

from edge.capture.timeouts import (
    KEPT_GAPS,
    KEPT_OPENINGS,
    KNOWN_GAPS,
    LAST_RETRY_S,
    LONGEST_GAP_S,
    MAX_SHORT_TRIES,
    OPEN_LIMIT_S,
    OPEN_SLACK,
    SOON_RETRY_S,
    START_SILENCE_S,
    Backoff,
    FrameTimeout,
    OpenTimeout,
)


def test_a_known_rate_grants_two_intervals_and_a_second() -> None:
    timeout = FrameTimeout(1.0)
    for _ in range(KNOWN_GAPS):
        assert timeout.limit_s == START_SILENCE_S
        timeout.learn(0.25)
    assert timeout.limit_s == pytest.approx(1.5)


def test_a_burst_at_the_start_does_not_make_a_slow_stream_late() -> None:
    timeout = FrameTimeout(1.0)
    for gap_s in [0.001] * (KNOWN_GAPS - 2) + [1.0] * 2:
        assert timeout.limit_s > 1.0
        timeout.learn(gap_s)
    assert timeout.limit_s == pytest.approx(3.0)


def test_a_long_gap_is_forgotten_and_never_grants_for_ever() -> None:
    timeout = FrameTimeout(1.0)
    for _ in range(KEPT_GAPS):
        timeout.learn(1000.0)
    assert timeout.limit_s == 1 + 2 * LONGEST_GAP_S
    for _ in range(KEPT_GAPS):
        timeout.learn(0.05)
    assert timeout.limit_s == pytest.approx(1.1)


def test_an_opening_that_was_quick_before_gets_half_of_the_time() -> None:
    timeout = OpenTimeout()
    assert timeout.limit_s == OPEN_LIMIT_S
    timeout.record_opening(1.0)
    assert timeout.limit_s == OPEN_LIMIT_S / 2
    for took_s, limit_s in ((3.0, OPEN_SLACK * 3.0), (7.0, OPEN_LIMIT_S)):
        for _ in range(KEPT_OPENINGS):
            timeout.record_opening(took_s)
        assert timeout.limit_s == limit_s


def test_an_opening_that_the_damage_made_slow_does_not_lengthen_the_limit() -> None:
    timeout = OpenTimeout()
    for took_s in (1.5, 1.5, 7.0):
        timeout.record_opening(took_s)
    assert timeout.limit_s == OPEN_LIMIT_S / 2


def test_openings_that_hang_get_all_of_the_time_only_now_and_then() -> None:
    timeout = OpenTimeout()
    timeout.record_opening(1.0)
    limits = []
    for _ in range(2 * (MAX_SHORT_TRIES + 1)):
        limits.append(timeout.limit_s)
        timeout.record_hang()
    assert limits == 2 * ([OPEN_LIMIT_S / 2] * MAX_SHORT_TRIES + [OPEN_LIMIT_S])


def test_a_source_that_has_become_slow_is_learnt_anew() -> None:
    timeout = OpenTimeout()
    timeout.record_opening(1.0)
    for _ in range(MAX_SHORT_TRIES):
        timeout.record_hang()
    timeout.record_opening(3.5)
    assert timeout.limit_s == OPEN_SLACK * 3.5
    timeout.record_opening(3.5)
    assert timeout.limit_s == OPEN_SLACK * 3.5


def test_delays_grow_with_jitter_up_to_a_limit() -> None:
    backoff = Backoff()
    delays = [backoff.next_s(0, 0) for _ in range(12)]
    for number, delay_s in enumerate(delays):
        longest_s = min(0.5 * 2**number, LAST_RETRY_S)
        assert longest_s / 2 <= delay_s <= longest_s
    assert len(set(delays[-5:])) > 1


def test_a_try_that_took_long_is_part_of_the_delay() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next_s(0, 0)
    assert backoff.next_s(0, 5) <= 16 - 5
    assert backoff.next_s(0, 100) == 0.25


def test_only_some_seconds_of_delivery_make_delays_short_again() -> None:
    backoff = Backoff()
    for _ in range(8):
        backoff.next_s(0, 0)
    backoff.record_delivery(100, 100.5)
    assert backoff.next_s(101, 101) >= LAST_RETRY_S / 2
    backoff.record_delivery(200, 203)
    assert backoff.next_s(204, 204) <= 0.5


def test_after_a_steady_delivery_delays_stay_short_for_a_minute_however_often_it_fails() -> None:
    backoff = Backoff()
    backoff.record_delivery(0, 10)
    assert max(backoff.next_s(now_s, now_s) for now_s in range(10, 69)) <= SOON_RETRY_S
    late = [backoff.next_s(now_s, now_s) for now_s in range(71, 80)]
    assert max(late) >= LAST_RETRY_S / 2
