"""`edge-train all`: every stage, one after the other."""

from __future__ import annotations

from pathlib import Path

from training.commands.options import (
    Backbone,
    DataArgument,
    DataOption,
    MaxDrop,
    MinAgreement,
    Name,
    RunsDir,
    Seed,
    SelftestKind,
    Size,
    one_folder,
)
from training.commands.quantize import run_quantization
from training.commands.report import run_report
from training.commands.train import run_training


def all_command(
    data_argument: DataArgument = None,
    data: DataOption = None,
    backbone: Backbone = None,
    size: Size = None,
    seed: Seed = None,
    max_drop: MaxDrop = 0.01,
    min_agreement: MinAgreement = 0.97,
    selftest: SelftestKind = "photos",
    name: Name = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Audit, train, quantize and report in one go, with the defaults for everything else."""
    folder = one_folder(data_argument, data)
    values = {"data": folder, "backbone": backbone, "size": size, "seed": seed}
    run = run_training(values, runs_dir, name)
    run_quantization(run, max_drop=max_drop, min_agreement=min_agreement, selftest=selftest)
    run_report(run, runs_dir)
