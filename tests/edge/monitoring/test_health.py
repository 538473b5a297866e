"""Counters for the `stats` topic."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge.capture.status import CaptureStatus
from edge.monitoring.health import Health, resident_mb
from edge.records import Scores


def test_the_record_counts_what_happened() -> None:
    health, status = Health(), CaptureStatus(frames_in=10, replaced=2, skipped=1, reconnects=3)
    health.add_camera("a")
    for number in range(5):
        scores = Scores(np.zeros(3, np.float32), preprocess_ms=number, inference_ms=10)
        assert health.classified("a", scores, age_ms=20) == number + 1
    health.stale("a")
    assert health.unusable("a") == 6
    report = health.report({"a": status})
    camera = report["cameras"]["a"]
    assert (camera["classified"], camera["dropped"], camera["stale"], camera["reconnects"]) == (5, 4, 1, 3)
    assert camera["blind"] == 1
    assert camera["fps_in"] == pytest.approx(2 * camera["fps_classified"], rel=0.05)
    assert report["latency_ms"]["preprocess"] == {"p50": 2, "p95": 3.8}
    assert json.loads(json.dumps(report)) == report


def test_rates_are_those_since_the_last_record() -> None:
    health, status = Health(), CaptureStatus(frames_in=10)
    health.add_camera("a")
    health.report({"a": status})
    health.begin_interval()
    assert health.report({"a": status})["cameras"]["a"]["fps_in"] == 0


def test_memory_is_measured() -> None:
    memory = resident_mb()
    assert memory is not None
    assert 10 < memory < 10_000
