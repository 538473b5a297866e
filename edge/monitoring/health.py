"""Counters and latencies of a running agent, as one record for the `stats` topic and the status line."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edge.records import Scores

KEPT_SAMPLES = 1024
THERMAL_ZONE = Path("/sys/class/thermal/thermal_zone0/temp")
STATM = Path("/proc/self/statm")


class CaptureCounters(Protocol):
    """What health reads of a capture's status."""

    state: Any
    frames_in: int
    replaced: int
    skipped: int
    reconnects: int


@dataclass(slots=True)
class _CameraHealth:
    classified: int = 0
    stale: int = 0
    frames_in: int = 0
    unusable: int = 0
    frames_in_before: int = 0
    classified_before: int = 0

    @property
    def judged(self) -> int:
        return self.classified + self.unusable


@dataclass(slots=True)
class Health:
    """What happened since the start; latencies over the last frames, in milliseconds."""

    started_s: float = field(default_factory=time.monotonic)
    cameras: dict[str, _CameraHealth] = field(default_factory=dict)
    _interval_s: float = field(default_factory=time.monotonic)
    _samples: dict[str, deque[float]] = field(default_factory=dict)

    def add_camera(self, camera: str) -> None:
        """Begin to count for a camera."""
        self.cameras[camera] = _CameraHealth()

    def classified(self, camera: str, scores: Scores, age_ms: float) -> int:
        """Count a classified frame; how many were judged so far. age_ms: from capture to scores."""
        self.sample("wait", max(0.0, age_ms - scores.preprocess_ms - scores.inference_ms))
        self.sample("preprocess", scores.preprocess_ms)
        self.sample("inference", scores.inference_ms)
        self.cameras[camera].classified += 1
        return self.cameras[camera].judged

    def unusable(self, camera: str) -> int:
        """Count a frame that shows nothing; how many were judged so far."""
        self.cameras[camera].unusable += 1
        return self.cameras[camera].judged

    def stale(self, camera: str) -> None:
        """Count a frame that was too old to classify."""
        self.cameras[camera].stale += 1

    def report(self, captures: Mapping[str, CaptureCounters]) -> dict[str, Any]:
        """The record; rates are those since `begin_interval`."""
        now_s = time.monotonic()
        elapsed_s = max(now_s - self._interval_s, 1e-9)
        return {
            "uptime_s": round(now_s - self.started_s, 1),
            "cameras": {name: self._camera(name, captures[name], elapsed_s) for name in self.cameras},
            "latency_ms": {name: _percentiles(samples) for name, samples in self._samples.items()},
            "memory_mb": resident_mb(),
            "temperature_c": temperature_c(),
        }

    def begin_interval(self) -> None:
        """From now on rates are counted anew, as of the last report."""
        self._interval_s = time.monotonic()
        for own in self.cameras.values():
            own.frames_in_before, own.classified_before = own.frames_in, own.classified

    def _camera(self, name: str, capture: CaptureCounters, elapsed_s: float) -> dict[str, Any]:
        own = self.cameras[name]
        own.frames_in = capture.frames_in
        return {
            "state": capture.state,
            "fps_in": round((own.frames_in - own.frames_in_before) / elapsed_s, 2),
            "fps_classified": round((own.classified - own.classified_before) / elapsed_s, 2),
            "frames_in": own.frames_in,
            "classified": own.classified,
            "dropped": capture.replaced + capture.skipped + own.stale,
            "stale": own.stale,
            "blind": own.unusable,
            "reconnects": capture.reconnects,
        }

    def sample(self, stage: str, value_ms: float) -> None:
        """Remember how long a stage took with one frame."""
        self._samples.setdefault(stage, deque(maxlen=KEPT_SAMPLES)).append(value_ms)


def _percentiles(samples: deque[float]) -> dict[str, float]:
    p50, p95 = np.percentile(list(samples), [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def resident_mb() -> float | None:
    """This process' resident memory in MB (10^6 bytes), None where the system does not say."""
    try:
        pages = int(STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def temperature_c() -> float | None:
    """The processor's temperature in °C, None where the system does not say."""
    try:
        return int(THERMAL_ZONE.read_text()) / 1000
    except (OSError, ValueError):
        return None
