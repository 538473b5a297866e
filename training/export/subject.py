"""What is exported and what it is compared with: the trained network and its answers to test photographs.

The network must give what `evaluate` measured. So an exported file is compared with what was trained and
judged, by way of the photographs, the preprocessing and the folded temperature, not only with its source.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.dataset.load import load_all
from training.errors import RunError
from training.evaluation.evaluate import evaluate
from training.evaluation.record import read_evaluation
from training.export.exchange import Float, Loaded, Pixels, Source
from training.export.formats import ANY_DIFFERENCE, REDUCED_AGREEMENT, Tolerance
from training.export.verify import compare, require, scores_of
from training.fit.trained_network import TrainedRun, attach_head
from training.head.temperature import calibrated
from training.libraries import tensorflow
from training.progress import Reporter
from training.runs import EVALUATION, INT8_SCORES, MODEL, SCORES, Run

# The test photographs compared here are only some of those that `quantize` measured.
INT8_SLACK = 0.03


@dataclass(frozen=True, slots=True)
class Subject:
    """The network to export, and what it says of some test photographs.

    pixels: uint8 RGB (n, h, w, 3). reference: its scores (n, labels). int8_tolerance: of the shipped
    file.
    """

    source: Source
    temperature: float
    pixels: Pixels
    reference: Float
    int8_tolerance: Tolerance


def make_subject(trained: TrainedRun, images: int, reporter: Reporter) -> Subject:
    """The network with its temperature folded in; raises ExportError where `evaluate` measured another."""
    run, config, photographs = trained.run, trained.config, trained.split.test[:images]
    if not (run.path(EVALUATION).is_file() and run.path(SCORES).is_file()):
        evaluate(run, reporter, trained)
    temperature = read_evaluation(run).temperature
    model = attach_head(trained.backbone, calibrated(trained.head, temperature), config.head.dropout)
    # a GPU would multiply in 10-bit fractions: fast, and too coarse to compare with
    tensorflow().config.experimental.enable_tensor_float_32_execution(False)
    with reporter.steps("reading photographs", len(photographs)) as step:
        pixels = load_all([item.path for item in photographs], config.spec, step)
    reference = scores_of("the trained network", _in_memory(model), pixels, reporter)
    measured = _test_scores(run, SCORES)[: len(pixels)]
    what = f"the network of {run.name} does not say what was measured"
    advice = "are the photographs the same? If they are, train again"
    require(compare(reference, measured), Tolerance(REDUCED_AGREEMENT, ANY_DIFFERENCE), what, advice)
    return Subject(
        Source(model, run.path(MODEL)), temperature, pixels, reference, _int8_tolerance(run, measured)
    )


def _in_memory(model: Any) -> Loaded:
    def scores(pixels: Pixels) -> Float:
        return np.asarray(model.predict_on_batch(pixels.astype(np.float32)))

    return Loaded("keras", "", scores)


def _int8_tolerance(run: Run, measured: Float) -> Tolerance:
    """The shipped file must agree as often as when `quantize` measured it on the same photographs."""
    if not run.path(MODEL).is_file():
        return Tolerance(REDUCED_AGREEMENT, ANY_DIFFERENCE)
    shipped = compare(_test_scores(run, INT8_SCORES)[: len(measured)], measured)
    return Tolerance(max(0.0, shipped.agreement - INT8_SLACK), ANY_DIFFERENCE)


def _test_scores(run: Run, file: str) -> Float:
    try:
        with np.load(io.BytesIO(run.read(file)), allow_pickle=False) as stored:
            return np.asarray(stored["test"], np.float32)
    except (ValueError, KeyError, OSError, EOFError) as error:
        advice = f"make it again with `edge-train quantize --run {run.name}`"
        raise RunError(f"can't use the run {run.name}", f"{file}: {error}", advice) from error
