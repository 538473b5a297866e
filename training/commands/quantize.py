"""`edge-train quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from training.commands.evaluate import with_interval
from training.commands.options import (
    Calibration,
    Fallback,
    MaxDrop,
    MinAgreement,
    RunName,
    RunsDir,
    SelftestKind,
    TargetPrecision,
)

if TYPE_CHECKING:
    from training.quantization.comparison import Attempt, Comparison
    from training.runs import Run

# The table stays readable.
MAX_CLASSES = 3


def quantize_command(
    run: RunName = None,
    max_drop: MaxDrop = 0.01,
    min_agreement: MinAgreement = 0.97,
    calibration: Calibration = 400,
    fallback: Fallback = True,
    selftest: SelftestKind = "photos",
    target_precision: TargetPrecision = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Make the int8 model.tflite of a trained run, if it holds what the float network promised."""
    from training.runs import find_run

    run_quantization(
        find_run(runs_dir, run),
        max_drop=max_drop,
        min_agreement=min_agreement,
        selftest=selftest,
        calibration=calibration,
        fallback=fallback,
        target_precision=target_precision,
    )


def run_quantization(
    run: Run, *, max_drop: float, selftest: str, min_agreement: float = 0.97, **values: Any
) -> None:
    """Quantize a run and show float and quantized network side by side; values are of QuantizeOptions."""
    from typing import get_args

    from training.commands.terminal import Terminal
    from training.packing.selftest import SelftestKind as Kind
    from training.quantization.acceptance import AcceptanceLimits
    from training.quantize import QuantizeOptions, quantize
    from training.runs import MODEL

    if selftest not in get_args(Kind):
        raise typer.BadParameter(f"--selftest is one of {', '.join(get_args(Kind))}")
    given = {name: value for name, value in values.items() if value is not None}
    options = QuantizeOptions(AcceptanceLimits(max_drop, min_agreement), selftest=selftest, **given)  # type: ignore[arg-type]
    terminal = Terminal()
    result = quantize(run, options, terminal)
    if len(result.attempts) > 1:
        rows = [_attempt_row(attempt) for attempt in result.attempts]
        terminal.table("what was tried", ("", "accuracy", "lost", "agreement", "size", ""), rows)
    title = f"{run.name} on held-out photographs"
    terminal.table(title, ("", "float", result.precision), _comparison_rows(result))
    terminal.note(f"model: {run.path(MODEL)}")


def _attempt_row(attempt: Attempt) -> tuple[str, ...]:
    return (
        attempt.about,
        f"{attempt.accuracy:.3f}",
        f"{attempt.drop:+.3f} ± {attempt.drop_error:.3f}",
        f"{attempt.agreement:.3f}",
        f"{attempt.size_bytes / 1e6:.1f} MB",
        "refused" if attempt.refused else "shipped",
    )


def _comparison_rows(result: Comparison) -> list[tuple[str, str, str]]:
    float_accuracy = with_interval(result.float_accuracy, result.float_interval)
    int8_accuracy = with_interval(result.int8_accuracy, result.int8_interval)
    right = with_interval(result.accuracy_answered, result.accuracy_answered_interval)
    rows = [
        ("photographs", str(result.count), str(result.count)),
        ("accuracy", float_accuracy, int8_accuracy),
        ("lost", "", f"{result.drop:+.3f} ± {result.drop_error:.3f}"),
        ("agreement", "", with_interval(result.agreement, result.agreement_interval)),
        *_class_rows(result),
        ("calibration error", f"{result.float_calibration_error:.3f}", f"{result.calibration_error:.3f}"),
        ("size", f"{result.float_bytes / 1e6:.1f} MB", f"{result.int8_bytes / 1e6:.1f} MB"),
        ("latency, 1 thread", f"{result.float_latency_ms:.1f} ms", f"{result.int8_latency_ms:.1f} ms"),
        (f"answered at {result.threshold:.2f}", "", f"{result.answered:.3f}"),
        ("of those right", "", right),
    ]
    if result.ood:
        accepted = with_interval(result.ood.accepted, result.ood.accepted_interval)
        rows.append((f"of {result.ood.count} of no class accepted", "", accepted))
    return rows


def _class_rows(result: Comparison) -> list[tuple[str, str, str]]:
    """The labels that changed the most, three at most."""
    changed = sorted(result.classes, key=lambda change: change.won - change.lost)
    return [
        (
            f"right of {change.count} {change.label}",
            str(change.before),
            str(change.before + change.won - change.lost),
        )
        for change in changed[:MAX_CLASSES]
        if change.won != change.lost
    ]
