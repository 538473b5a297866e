"""`edge-train tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.commands.options import (
    Assignments,
    Config,
    DataArgument,
    DataOption,
    GroupBy,
    Name,
    RunsDir,
    Seed,
    Weights,
    one_folder,
)

Backbones = Annotated[
    list[str] | None, typer.Option("--backbone", help="A feature network to try; may be repeated.")
]
Sizes = Annotated[list[int] | None, typer.Option("--size", help="An input size to try; may be repeated.")]
Trials = Annotated[int, typer.Option(min=1, help="How many settings to try.")]
Minutes = Annotated[float | None, typer.Option(min=0.0, help="End after so many minutes.")]
MaxLatency = Annotated[
    float | None,
    typer.Option("--max-latency-ms", min=0.0, help="Slowest int8 network to try, on one thread here."),
]


def tune_command(
    data_argument: DataArgument = None,
    data: DataOption = None,
    backbone: Backbones = None,
    size: Sizes = None,
    trials: Trials = 40,
    minutes: Minutes = None,
    max_latency_ms: MaxLatency = None,
    seed: Seed = None,
    weights: Weights = None,
    group_by: GroupBy = None,
    config: Config = None,
    assignments: Assignments = None,
    name: Name = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Search for better settings on cached features; the same --name goes on with a search."""
    from training.commands.terminal import Terminal
    from training.config import gathered, make_config
    from training.network.backbones.registry import find_backbone
    from training.tuning.space import BACKBONES, SIZES, Space
    from training.tuning.tune import TuneOptions, tune

    options = {"data": one_folder(data_argument, data, config), "seed": seed, "weights": weights}
    base = make_config(gathered(config, assignments or [], {**options, "group_by": group_by}))
    backbones, sizes = backbone or BACKBONES, size or SIZES
    space = Space(tuple((find_backbone(each).name, px) for each in backbones for px in sizes))
    terminal = Terminal()
    folder = runs_dir / f"tune-{name or base.data.resolve().name}"
    budget = TuneOptions(trials, minutes, max_latency_ms)
    found = tune(base, space, budget, folder, runs_dir, terminal)
    rows = [
        ("first settings", f"{found.first_loss:.4f}", f"{found.first_accuracy:.3f}"),
        ("best found", f"{found.loss:.4f}", f"{found.accuracy:.3f}"),
    ]
    title = f"{found.trials} settings judged by cross-validation, {found.pruned} given up early"
    terminal.table(title, ("", "loss", "accuracy"), rows)
    terminal.note(f"train with them: edge-train train {base.data} --config {found.file}")
