"""`edge-agent bench`: how long each stage takes for this model on this machine, and how much memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.camera.readers import opener
from edge.camera.sources import Source
from edge.errors import UsageError
from edge.infer import Classifier
from edge.monitoring.health import resident_mb
from edge.preprocess import Image

WARM_UP_FRAMES = 5


@dataclass(frozen=True, slots=True)
class StageTime:
    """Percentiles of one stage, in milliseconds."""

    stage: str
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Stage by stage; `fps` is what one thread reaches doing all of them in turn."""

    model: str
    runtime: str
    source: str
    frames: int
    stages: tuple[StageTime, ...]
    fps: float
    memory_mb: float | None


def measure(classifier: Classifier, source: Source, frames: int) -> BenchResult:
    """Read, prepare and classify `frames` pictures, after a few that are not counted."""
    samples: dict[str, list[float]] = {"capture": [], "preprocess": [], "inference": []}
    for number, (pixels, capture_ms) in enumerate(_pictures(source)):
        scores = classifier.classify(pixels)
        if number >= WARM_UP_FRAMES:
            samples["capture"].append(capture_ms)
            samples["preprocess"].append(scores.preprocess_ms)
            samples["inference"].append(scores.inference_ms)
        if len(samples["capture"]) == frames:
            break
    if not samples["capture"]:
        why = f"it is shorter than the {WARM_UP_FRAMES} frames of warm-up"
        raise UsageError(f"can't measure on {source.shown}", why, "give a longer one")
    stages = tuple(_stage_time(stage, values) for stage, values in samples.items() if values)
    busy_ms = sum(
        float(np.mean(values)) for stage, values in samples.items() if values and _is_work(stage, source)
    )
    return BenchResult(
        model=classifier.model.name,
        runtime=classifier.runtime,
        source=source.shown,
        frames=len(samples["capture"]),
        stages=stages,
        fps=1e3 / busy_ms if busy_ms else 0.0,
        memory_mb=resident_mb(),
    )


def _is_work(stage: str, source: Source) -> bool:
    """Reading a live camera is mostly waiting for it."""
    return stage != "capture" or not source.live


def _pictures(source: Source) -> Iterator[tuple[Image, float]]:
    with contextlib.closing(opener(source)()) as reader:
        while True:
            started_s = time.perf_counter()
            picture = reader.read()
            if picture is None:
                return
            yield picture.pixels, (time.perf_counter() - started_s) * 1e3


def _stage_time(stage: str, values: list[float]) -> StageTime:
    p50, p95, p99 = (float(value) for value in np.percentile(values, [50, 95, 99]))
    return StageTime(stage, p50, p95, p99)
