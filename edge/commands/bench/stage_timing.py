"""One thread that does a stage after the other, each of them timed."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from edge.capture.frame_quality import QualityCheck
from edge.capture.sources.address import Source
from edge.capture.sources.registry import make_opener
from edge.commands.bench.agent_run import LIVE_LIMIT_S, make_too_short_error
from edge.commands.bench.figures import WARM_UP_FRAMES, Stage, StageTiming, stage_times
from edge.config import AgentConfig
from edge.decide.decider import Decider, DecisionRules
from edge.infer.classifier import Classifier
from edge.preprocess import Image, cut
from edge.publish.registry import SinkContext
from edge.publish.stdout import StdoutSink
from edge.records import Frame
from edge.region import Region

Regions = Mapping[str, Region | None]


def time_stages(
    classifier: Classifier, source: Source, regions: Regions, config: AgentConfig, frames: int
) -> StageTiming:
    """Take `frames` pictures through all stages, after a few that do not count; regions: by camera's name.

    Raises UsageError where a recording is too short, CameraUnavailableError.
    """
    width = height = 0
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        stages = _Stages(classifier, regions, config, nowhere)
        for number, (pixels, capture_ms) in enumerate(_pictures(source, frames + WARM_UP_FRAMES)):
            if number == WARM_UP_FRAMES:
                stages.samples.clear()
            height, width = pixels.shape[:2]
            stages.note("capture", capture_ms)
            stages.take(number, pixels)
    count = len(stages.samples.get("capture", ()))
    if stages.taken <= WARM_UP_FRAMES:
        raise make_too_short_error(live=source.live)
    busy_ms = sum(map(sum, stages.samples.values()))
    fps = round(count * len(regions) * 1e3 / busy_ms, 2)
    return StageTiming(stage_times(stages.samples), fps, count, width, height)


class _Stages:
    """All stages behind reading, of every region of one camera."""

    def __init__(self, classifier: Classifier, regions: Regions, config: AgentConfig, stream: TextIO) -> None:
        self.samples: dict[Stage, list[float]] = {}
        self.taken = 0
        self._classifier, self._regions, self._config = classifier, regions, config
        rules = DecisionRules(classifier.limits, window=config.decision.window)
        self._deciders = {name: Decider(name, classifier.labels, rules) for name in regions}
        self._checkers = {name: QualityCheck(config.frame_quality.frozen_after) for name in regions}
        self._sink = StdoutSink(SinkContext(config.device_id, classifier.identity, classifier.labels, stream))

    def take(self, number: int, pixels: Image) -> None:
        """Time what is done with a picture."""
        self.taken += 1
        for name, region in self._regions.items():
            now_s = time.monotonic()
            part = pixels if region is None else cut(pixels, region.on(pixels.shape[1], pixels.shape[0]))
            if self._config.frame_quality.enabled:
                with self._time("sight"):
                    self._checkers[name].judge(part, now_s)
            scores = self._classifier.classify(part)
            self.note("preprocess", scores.preprocess_ms)
            self.note("inference", scores.inference_ms)
            with self._time("publish"):
                frame = Frame(name, number, part, now_s, time.time(), now_s)
                self._sink.publish(self._deciders[name].observe(frame, scores), number)

    def note(self, stage: Stage, took_ms: float) -> None:
        """Keep a time."""
        self.samples.setdefault(stage, []).append(took_ms)

    @contextlib.contextmanager
    def _time(self, stage: Stage) -> Iterator[None]:
        started_s = time.perf_counter()
        yield
        self.note(stage, (time.perf_counter() - started_s) * 1e3)


def _pictures(source: Source, count: int) -> Iterator[tuple[Image, float]]:
    """Pictures with the milliseconds that each took; of a live camera the processor's time alone."""
    clock = time.process_time if source.live else time.perf_counter
    ends_s = time.monotonic() + LIVE_LIMIT_S
    with contextlib.closing(make_opener(source)()) as reader:
        for _ in itertools.count():
            started_s = clock()
            picture = reader.read()
            if picture is None and not source.live:
                return
            if picture is not None:
                yield picture.pixels, (clock() - started_s) * 1e3
                count -= 1
            if not count or (source.live and time.monotonic() > ends_s):
                return
