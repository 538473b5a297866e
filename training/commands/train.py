"""`edge-train train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.commands.options import (
    Assignments,
    Backbone,
    Config,
    DataArgument,
    DataOption,
    Epochs,
    FineTune,
    Fit,
    GroupBy,
    Interpolation,
    Name,
    Other,
    RunsDir,
    Seed,
    Size,
    Strict,
    Views,
    Weights,
    one_folder,
)

if TYPE_CHECKING:
    from training.runs import Run


def train_command(
    data_argument: DataArgument = None,
    data: DataOption = None,
    backbone: Backbone = None,
    size: Size = None,
    epochs: Epochs = None,
    fine_tune: FineTune = None,
    views: Views = None,
    seed: Seed = None,
    fit: Fit = None,
    interpolation: Interpolation = None,
    weights: Weights = None,
    group_by: GroupBy = None,
    other: Other = None,
    config: Config = None,
    assignments: Assignments = None,
    name: Name = None,
    runs_dir: RunsDir = Path("runs"),
    strict: Strict = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted fine-tuning.")] = False,
) -> None:
    """Train a network on photographs; `quantize` makes the file for the device of it."""
    if resume:
        resume_training(runs_dir, name)
        return
    options = {
        "data": one_folder(data_argument, data, config),
        "backbone": backbone,
        "size": size,
        "head.epochs": epochs,
        "fine_tune.epochs": fine_tune,
        "augmented_views": views,
        "seed": seed,
        "fit": fit,
        "interpolation": interpolation,
        "weights": weights,
        "group_by": group_by,
        "other": other,
    }
    run_training(options, runs_dir, name, config, assignments, strict=strict)


def run_training(
    options: dict[str, Any],
    runs_dir: Path,
    name: str | None,
    file: Path | None = None,
    assignments: list[str] | None = None,
    *,
    strict: bool = False,
) -> Run:
    """Train with these settings, telling the terminal; the finished run."""
    from training.commands.terminal import Terminal
    from training.config import gathered, make_config
    from training.runs import new_name
    from training.train import train

    config = make_config(gathered(file, assignments or [], options))
    run = train(config, runs_dir, name or new_name(config.backbone), Terminal(), strict=strict)
    Terminal().note(f"trained {run.folder}")
    return run


def resume_training(runs_dir: Path, name: str | None) -> None:
    """Go on with an unfinished run, telling the terminal."""
    from training.commands.terminal import Terminal
    from training.train import resume

    Terminal().note(f"trained {resume(runs_dir, name, Terminal()).folder}")
