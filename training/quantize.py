"""The quantization stage: a trained run → a measured, accepted and packed `model.tflite`."""

from __future__ import annotations

from dataclasses import dataclass

from training.errors import AcceptanceError
from training.evaluation.evaluate import Evaluated, evaluate, scores_bytes
from training.evaluation.held_out import find_ood_photographs
from training.evaluation.record import EvaluationRecord
from training.fit.trained_network import TrainedRun, read_trained, shipped_network
from training.head.temperature import calibrated
from training.network.convert import to_float
from training.packing.pack import describe_network, draft, finish_network, pack_model
from training.packing.selftest import SelftestKind
from training.progress import Reporter, Silent
from training.quantization.acceptance import USUAL_LIMITS, AcceptanceLimits, doubt, refusal
from training.quantization.candidates import CandidateMaker, FloatNetwork
from training.quantization.comparison import Attempt, Comparison
from training.quantization.measure import Measured, compare, measure
from training.runs import COMPARISON, FLOAT_NETWORK, INT8_SCORES, Run, point_latest


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What may ship, and how it is made.

    calibration: photographs to calibrate on. target_precision: of the answers, 0 to 1; None takes the last
    evaluation's. fallback: try more exact and slower ways where int8 is not accepted.
    """

    limits: AcceptanceLimits = USUAL_LIMITS
    calibration: int = 400
    selftest: SelftestKind = "photos"
    target_precision: float | None = None
    fallback: bool = True


def quantize(run: Run, options: QuantizeOptions, reporter: Reporter) -> Comparison:
    """Convert, compare on the device's runtime, and pack; `latest` then points here.

    Raises AcceptanceError, with no model file written, where no way of quantizing keeps what is asked for.
    """
    reporter.note(f"quantizing {run.name}")
    trained = read_trained(run)
    evaluated = evaluate(run, reporter, trained, options.target_precision)
    source = make_float_network(trained, evaluated.record)
    maker = CandidateMaker(source, trained, options.calibration, reporter)
    found, attempts = find_acceptable(maker, evaluated, options, reporter)
    run.write(INT8_SCORES, scores_bytes(found.val, found.test))
    notice = doubt(found.drop, options.limits)
    if notice:
        reporter.note(notice)
    comparison = compare(source, found, trained.split, evaluated, attempts)
    run.write_record(COMPARISON, comparison)
    pack_model(trained, found, evaluated.record, options.selftest, reporter)
    point_latest(run)
    return comparison


def make_float_network(trained: TrainedRun, evaluation: EvaluationRecord) -> FloatNetwork:
    """The calibrated network as it ships, and as a float file, which is kept in the run."""
    head = calibrated(trained.head, evaluation.temperature)
    model = shipped_network(trained.backbone, head, evaluation.least_length)
    network = to_float(model)
    trained.run.write(FLOAT_NETWORK, describe_network(trained, network))
    return FloatNetwork(model, network)


def find_acceptable(
    maker: CandidateMaker, evaluated: Evaluated, options: QuantizeOptions, reporter: Reporter
) -> tuple[Measured, tuple[Attempt, ...]]:
    """The first network that may ship, and all that was tried; raises AcceptanceError where none may."""
    attempts: list[Attempt] = []
    trained = maker.trained
    ood = find_ood_photographs(trained.config, Silent())
    for candidate in maker.make():
        model = draft(trained, finish_network(trained, candidate.network), evaluated.record)
        found = measure(candidate, model, trained.split, evaluated, ood, reporter)
        refused = refusal(found.drop, options.limits)
        attempts.append(found.as_attempt(refused))
        if refused is None:
            if len(attempts) > 1:
                reporter.note(f"what helped: {candidate.about}")
            return found, tuple(attempts)
        reporter.note(f"{candidate.about}: {refused}")
        if not options.fallback:
            break
    best = min(attempts, key=lambda attempt: attempt.drop)
    advice = "see what `edge-train audit` says, take another backbone, or allow more with --max-drop"
    why = f"{best.about}: {best.refused}; tried: {len(attempts)} ways"
    raise AcceptanceError("the quantized network lost too much", why, advice)
