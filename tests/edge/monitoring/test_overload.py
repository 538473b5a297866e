"""When a camera is said to deliver more than the machine classifies."""

from __future__ import annotations

from edge.monitoring.overload import OverloadDetector


def test_it_is_said_once_when_much_is_dropped_and_once_when_that_is_over() -> None:
    overload = OverloadDetector()
    counts = [(100, 5), (200, 65), (300, 125), (400, 127), (500, 129)]
    said = [overload.check("front", frames_in, replaced) for frames_in, replaced in counts]
    assert said[0] is None
    assert "front" in str(said[1])
    assert "60%" in str(said[1])
    assert said[2] is None
    assert said[3] == "camera front: the machine keeps up again"
    assert said[4] is None


def test_a_few_frames_say_nothing() -> None:
    assert OverloadDetector().check("front", 9, 9) is None


def test_each_camera_is_judged_alone() -> None:
    overload = OverloadDetector()
    assert overload.check("front", 100, 0) is None
    assert overload.check("yard", 100, 50) is not None
