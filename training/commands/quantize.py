"""`edge-train quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from training.commands.evaluate import with_interval
from training.commands.options import Calibration, MaxDrop, RunName, RunsDir, SelftestKind, TargetPrecision

if TYPE_CHECKING:
    from training.compare import Comparison
    from training.runs import Run


def quantize_command(
    run: RunName = None,
    max_drop: MaxDrop = 0.01,
    calibration: Calibration = 400,
    selftest: SelftestKind = "photos",
    target_precision: TargetPrecision = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Make the int8 model.tflite of a trained run, if it holds what the float network promised."""
    from training.runs import find_run

    run_quantization(find_run(runs_dir, run), max_drop, calibration, selftest, target_precision)


def run_quantization(
    run: Run, max_drop: float, calibration: int, selftest: str, target_precision: float | None = None
) -> None:
    """Quantize a run and show float and int8 side by side."""
    from typing import get_args

    from training.quantize import QuantizeOptions, quantize
    from training.runs import MODEL
    from training.selftest import Kind
    from training.terminal import Terminal

    if selftest not in get_args(Kind):
        raise typer.BadParameter(f"--selftest is one of {', '.join(get_args(Kind))}")
    options = QuantizeOptions(max_drop, calibration, selftest, target_precision)  # type: ignore[arg-type]
    terminal = Terminal()
    result = quantize(run, options, terminal)
    terminal.table(f"{run.name} on held-out photographs", ("", "float", "int8"), _comparison_rows(result))
    terminal.note(f"model: {run.path(MODEL)}")


def _comparison_rows(result: Comparison) -> list[tuple[str, str, str]]:
    float_accuracy = with_interval(result.float_accuracy, result.float_interval)
    int8_accuracy = with_interval(result.int8_accuracy, result.int8_interval)
    right = with_interval(result.accuracy_answered, result.accuracy_answered_interval)
    rows = [
        ("photographs", str(result.count), str(result.count)),
        ("accuracy", float_accuracy, int8_accuracy),
        ("agreement", "", f"{result.agreement:.3f}"),
        ("size", f"{result.float_bytes / 1e6:.1f} MB", f"{result.int8_bytes / 1e6:.1f} MB"),
        ("latency, 1 thread", f"{result.float_latency_ms:.1f} ms", f"{result.int8_latency_ms:.1f} ms"),
        (f"answered at {result.threshold:.2f}", "", f"{result.answered:.3f}"),
        ("of those right", "", right),
    ]
    if result.strangers:
        accepted = with_interval(result.strangers.accepted, result.strangers.accepted_interval)
        rows.append((f"strangers accepted, of {result.strangers.count}", "", accepted))
    return rows
