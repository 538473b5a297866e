"""`edge-train compare-models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.commands.options import (
    Assignments,
    Config,
    DataArgument,
    DataOption,
    FineTune,
    GroupBy,
    Name,
    RunsDir,
    Seed,
    Size,
    Weights,
    one_folder,
)

if TYPE_CHECKING:
    from training.comparison.compare_models import ModelTable

Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A backbone, small_cnn or sift_svm; may be repeated."),
]
DEFAULT = ("sift_svm", "small_cnn", "mobilenet_v2", "efficientnet_lite0")


def compare_models_command(
    data_argument: DataArgument = None,
    data: DataOption = None,
    model: Models = None,
    size: Size = None,
    fine_tune: FineTune = None,
    seed: Seed = None,
    weights: Weights = None,
    group_by: GroupBy = None,
    config: Config = None,
    assignments: Assignments = None,
    name: Name = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Train several models on the same split: one table, and a plot of accuracy against latency."""
    from training.commands.terminal import Terminal
    from training.comparison.compare_models import BASELINE, compare_models, pareto
    from training.config import gathered, make_config
    from training.network.backbones.registry import find_backbone
    from training.runs import new_name

    options: dict[str, Any] = {"data": one_folder(data_argument, data, config), "size": size, "seed": seed}
    options |= {"weights": weights, "fine_tune.epochs": fine_tune, "group_by": group_by}
    base = make_config(gathered(config, assignments or [], options))
    names = [each if each == BASELINE else find_backbone(each).name for each in model or DEFAULT]
    folder = runs_dir / (name or new_name("models"))
    terminal = Terminal()
    table = compare_models(base, list(dict.fromkeys(names)), folder, runs_dir, terminal)
    title = (
        f"{table.data}: {table.count} test photographs, int8 on one thread; * no other is better and faster"
    )
    header = ("model", "accuracy", "95 %", "macro-F1", "float", "size", "latency", "trained in")
    terminal.table(title, header, _rows(table, pareto(table.rows)))
    for failed, why in table.failed.items():
        terminal.note(f"{failed} is left out: {why}")
    terminal.note(f"kept in {folder}")


def _rows(table: ModelTable, best: set[str]) -> list[tuple[str, ...]]:
    return [
        (
            f"{row.name} {row.size_px}{' *' if row.name in best else ''}",
            f"{row.accuracy:.3f}",
            f"{row.accuracy_interval[0]:.3f}-{row.accuracy_interval[1]:.3f}",
            f"{row.macro_f1:.3f}",
            "" if row.float_accuracy is None else f"{row.float_accuracy:.3f}",
            f"{row.size_bytes / 1e6:.1f} MB",
            f"{row.latency_ms:.1f} ms",
            f"{row.train_seconds:.0f} s",
        )
        for row in sorted(table.rows, key=lambda row: -row.accuracy)
    ]
