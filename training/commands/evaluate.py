"""`edge-train evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from training.commands.options import RunName, RunsDir, TargetPrecision

if TYPE_CHECKING:
    from training.evaluation.intervals import Interval
    from training.evaluation.record import EvaluationRecord, OodResult, PartResult, RuleResult
    from training.progress import Reporter

Row = tuple[str, ...]


def evaluate_command(
    run: RunName = None, target_precision: TargetPrecision = None, runs_dir: RunsDir = Path("runs")
) -> None:
    """Measure a trained run's float network on its held-out photographs, and on pictures of no class."""
    from training.commands.terminal import Terminal
    from training.evaluation.evaluate import evaluate
    from training.runs import find_run

    found, terminal = find_run(runs_dir, run), Terminal()
    show_evaluation(found.name, evaluate(found, terminal, target_precision=target_precision).record, terminal)


def show_evaluation(name: str, result: EvaluationRecord, terminal: Reporter) -> None:
    """The tables of an evaluation; brackets hold 95 % intervals."""
    title = f"float network of {name}, threshold {result.threshold:.2f}, temperature {result.temperature:.2f}"
    header = (
        "part",
        "photographs",
        "accuracy",
        "macro-F1",
        "answered",
        "of those right",
        "calibration error",
    )
    rows = [_part_row(part, found) for part, found in (("val", result.val), ("test", result.test))]
    terminal.table(title, header, rows)
    own = ", ".join(f"{label} {threshold:.2f}" for label, threshold in result.class_thresholds.items())
    if own:
        terminal.note(f"thresholds of their own: {own}")
    header = ("out of distribution", "pictures", "top score", "familiarity", "both", "kept", "accepted")
    rows = [
        _ood_row(what, found)
        for what, found in (("of no class", result.ood), ("a class left out", result.left_out))
        if found is not None
    ]
    if rows:
        terminal.table("out of distribution: AUROC / accepted where 95 % of test is kept", header, rows)


def with_interval(value: float, interval: Interval) -> str:
    """A share with its 95 % interval."""
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _part_row(name: str, part: PartResult) -> Row:
    return (
        name,
        str(part.count),
        with_interval(part.accuracy, part.accuracy_interval),
        with_interval(part.macro_f1, part.macro_f1_interval),
        f"{part.answered:.3f}",
        with_interval(part.accuracy_answered, part.accuracy_answered_interval),
        f"{part.calibration_error_before:.3f} → {part.calibration_error:.3f}",
    )


def _ood_row(name: str, found: OodResult) -> Row:
    return (
        name,
        str(found.count),
        *(_rule(rule) for rule in (found.top_score, found.familiarity, found.both)),
        with_interval(found.kept, found.kept_interval),
        with_interval(found.accepted, found.accepted_interval),
    )


def _rule(rule: RuleResult) -> str:
    return f"{rule.auroc:.3f} / {rule.false_accepts_at_95_kept:.3f}"
