"""Float and quantized network compared on the same held-out photographs, as the device runs them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge.infer.classifier import Classifier
from edge.model.interpreter import Network
from edge.model.model_file import ModelFile
from edge.preprocess import read_image
from edge.records import Scores
from training.evaluation.intervals import Interval
from training.evaluation.record import OodResult
from training.evaluation.unknown import PartScores
from training.features.extract import Pictured
from training.parallel import core_count, spread
from training.progress import Reporter
from training.quantization.candidates import Precision
from training.runs import Record

Float = NDArray[np.float32]
Int = NDArray[np.int64]

# The median of so many runs is stable on a busy machine.
LATENCY_RUNS = 30


class Attempt(Record):
    """One way of quantizing and how it came out on the test part; refused: why it did not ship, or None."""

    about: str
    precision: Precision
    accuracy: float
    agreement: float
    drop: float
    drop_error: float
    size_bytes: int
    refused: str | None


class ClassChange(Record):
    """Of `count` pictures of a label: right in float, and of those lost, and won besides, by rounding."""

    label: str
    count: int
    before: int
    lost: int
    won: int


class Comparison(Record):
    """comparison.json. drop: float accuracy − int8 accuracy, its standard error from the paired pictures.

    int8: the network that ships, whatever its `precision` is; `attempts` says what was tried before it.
    Latencies are medians of one invocation on one thread of this machine, in milliseconds. Thresholds,
    answered and ood are the shipped network's; intervals cover 95 %.
    """

    schema_: Literal[3] = Field(default=3, alias="schema")
    precision: Precision
    quantizer: str
    attempts: tuple[Attempt, ...]
    float_accuracy: float
    float_interval: Interval
    int8_accuracy: float
    int8_interval: Interval
    count: int
    agreement: float
    agreement_interval: Interval
    drop: float
    drop_error: float
    classes: tuple[ClassChange, ...]
    float_latency_ms: float
    int8_latency_ms: float
    float_bytes: int
    int8_bytes: int
    threshold: float
    class_thresholds: dict[str, float]
    familiarity_threshold: float
    answered: float
    accuracy_answered: float
    accuracy_answered_interval: Interval
    float_calibration_error: float
    calibration_error: float
    ood: OodResult | None = Field(validation_alias="strangers", serialization_alias="strangers")


class Drop(Record):
    """How two networks differ on the same `count` pictures."""

    before: float
    after: float
    agreement: float
    error: float
    count: int

    @property
    def size(self) -> float:
        """The loss of accuracy, positive where the second network is worse."""
        return self.before - self.after


def device_scores(model: ModelFile, pictures: Sequence[Pictured], reporter: Reporter) -> PartScores:
    """What the device's own classifier says of photographs; raises ModelError."""
    classifiers = [Classifier(model) for _ in range(core_count())]

    def said(classifier: Classifier, picture: Pictured) -> Scores:
        return classifier.classify(read_image(picture.path))

    with reporter.steps("evaluating the quantized network", len(pictures)) as step:
        found = spread(classifiers, pictures, said, step)
    familiarity = [np.nan if scores.familiarity is None else scores.familiarity for scores in found]
    return PartScores(np.stack([scores.values for scores in found]), np.array(familiarity, np.float32))


def paired_drop(float_scores: Float, int8_scores: Float, targets: Int) -> Drop:
    """Accuracies, agreement and the standard error of their difference, picture by picture."""
    before, after = float_scores.argmax(axis=1), int8_scores.argmax(axis=1)
    lost = (before == targets).astype(np.float64) - (after == targets)
    return Drop(
        before=float((before == targets).mean()),
        after=float((after == targets).mean()),
        agreement=float((before == after).mean()),
        error=float(lost.std(ddof=1) / np.sqrt(len(lost))) if len(lost) > 1 else 0.0,
        count=len(targets),
    )


def class_changes(
    float_scores: Float, scores: Float, targets: Int, labels: Sequence[str]
) -> tuple[ClassChange, ...]:
    """What the second network lost and won of each label's pictures, in the labels' order."""
    before, after = float_scores.argmax(axis=1) == targets, scores.argmax(axis=1) == targets
    return tuple(
        ClassChange(
            label=label,
            count=int((targets == number).sum()),
            before=int(before[targets == number].sum()),
            lost=int((before & ~after)[targets == number].sum()),
            won=int((after & ~before)[targets == number].sum()),
        )
        for number, label in enumerate(labels)
    )


def latency_ms(network: bytes) -> float:
    """The median time of one invocation on one thread, in milliseconds."""
    runner = Network(network)
    times = []
    for _ in range(LATENCY_RUNS):
        started = time.perf_counter()
        runner.invoke()
        times.append(time.perf_counter() - started)
    return float(np.median(times) * 1e3)
