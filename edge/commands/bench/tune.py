"""`edge-agent bench --tune`: the runtimes and thread counts of this machine against each other, in turns."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.agent.load_classifier import open_classifier
from edge.commands.bench.machine import usable_cores
from edge.config import AgentConfig
from edge.config_file import load_config
from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.model.interpreter import RUNTIMES
from edge.preprocess import Image, limit_threads
from edge.records import ModelInput

# An odd number of rounds, so that the median is one of them.
ROUNDS = 7
# A round of fewer calls would measure the clock; the first calls of a round are slow and not measured.
MIN_CALLS, WARM_UP_CALLS = 5, 2
# A setting must win by more than repeated measurements of one setting differ.
MARGIN = 1.05
# A setting that needs this many times the processor's time is worth a remark.
DEAR = 1.3
# Every setting is an interpreter in memory at the same time, so their number needs a bound.
MAX_THREADS = 16


@dataclass(frozen=True, slots=True)
class Setting:
    """What the configuration can say; `library` is what `runtime` comes to here."""

    runtime: str
    threads: int
    library: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """A setting measured: medians over the rounds, of time and of the processor's time for a frame.

    gain: how many times as fast as the first setting in the same round, median, least and most.
    """

    setting: Setting
    inference_ms: float
    cpu_ms: float
    gain: float
    least_gain: float
    most_gain: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """All that was tried, the default first, and the best of it."""

    model: str
    tried: tuple[Measurement, ...]
    best: Measurement
    remark: str


def tune(config: AgentConfig, frames: int) -> Tuning:
    """Try each setting over about `frames` frames, in rounds; raises ModelError."""
    limit_threads(1)
    classifiers = _classifiers(config)
    settings = list(classifiers)
    spec = classifiers[settings[0]].spec
    pixels = np.random.default_rng(0).integers(0, 256, (spec.height, spec.width, 3), np.uint8)
    calls = max(MIN_CALLS, frames // ROUNDS)
    rounds = []
    for number in range(ROUNDS):
        turn = number % len(settings)
        order = settings[turn:] + settings[:turn]
        rounds.append({setting: _time(classifiers[setting], pixels, calls) for setting in order})
    tried = tuple(_summarise(setting, settings[0], rounds) for setting in settings)
    best = choose(tried)
    return Tuning(classifiers[settings[0]].model.name, tried, best, remark(tried[0], best))


def choose(tried: Sequence[Measurement]) -> Measurement:
    """The fastest; the first, which is the default, unless it is beaten by more than the margin.

    Of those within the margin of the fastest, the one that comes first: they stand in order of simplicity.
    """
    fastest = max(each.gain for each in tried)
    if fastest <= MARGIN:
        return tried[0]
    return next(each for each in tried if each.gain > MARGIN and each.gain * MARGIN >= fastest)


def remark(default: Measurement, best: Measurement) -> str:
    """What the best setting costs, where that is worth a word."""
    dearer = best.cpu_ms / default.cpu_ms if default.cpu_ms else 1.0
    if best is default or dearer < DEAR:
        return ""
    return (
        f"{best.gain:.2f} times as fast for {dearer:.1f} times the processor's time: "
        "beside other work, on a battery or without a fan the default may be better"
    )


def changes(best: Setting, file: Path | None, runtime: str | None) -> dict[str, int | str]:
    """The settings that the file lacks for the best setting; runtime: given on the command line."""
    said = load_config(file, {}, {}) if file else AgentConfig()
    found: dict[str, int | str] = {}
    if said.threads != best.threads:
        found["threads"] = best.threads
    if runtime is None and said.runtime != best.runtime:
        found["runtime"] = best.runtime
    return found


def _classifiers(config: AgentConfig) -> dict[Setting, Classifier]:
    """Each setting that can be had here, the simplest first."""
    made = _of_runtime(config, config.runtime)
    if config.runtime != "auto":
        return made
    (library,) = {setting.library for setting in made}
    for name in RUNTIMES:
        if not library.startswith(name):
            with contextlib.suppress(ModelError):  # it is not installed, or refuses this network
                made |= _of_runtime(config, name)
    return made


def _of_runtime(config: AgentConfig, runtime: str) -> dict[Setting, Classifier]:
    """With one thread, two, and so on."""
    made: dict[Setting, Classifier] = {}
    for threads in range(1, min(usable_cores(), MAX_THREADS) + 1):
        classifier = open_classifier(config.model_copy(update={"runtime": runtime, "threads": threads}))
        made[Setting(runtime, threads, classifier.runtime)] = classifier
    return made


def _time(classifier: Classifier, pixels: Image, calls: int) -> tuple[float, float]:
    """Milliseconds a frame, and those of the processor."""
    for _ in range(WARM_UP_CALLS):
        classifier.classify_input(ModelInput(pixels))
    started_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(calls):
        classifier.classify_input(ModelInput(pixels))
    took_s, used_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    return took_s * 1e3 / calls, used_s * 1e3 / calls


def _summarise(
    setting: Setting, default: Setting, rounds: Sequence[dict[Setting, tuple[float, float]]]
) -> Measurement:
    gains = [each[default][0] / each[setting][0] for each in rounds]
    return Measurement(
        setting,
        round(statistics.median(each[setting][0] for each in rounds), 3),
        round(statistics.median(each[setting][1] for each in rounds), 3),
        round(statistics.median(gains), 3),
        round(min(gains), 3),
        round(max(gains), 3),
    )
