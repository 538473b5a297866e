"""`edge-agent doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge.commands import options
from edge.commands.process import set_up_logging
from edge.commands.settings import config_file, load

if TYPE_CHECKING:
    from edge.commands.doctor.finding import Finding
    from edge.config import AgentConfig


def doctor_command(
    camera: options.Camera = None,
    crop: options.Crop = None,
    rotate: options.Rotate = None,
    flip: options.Flip = None,
    model: options.Model = None,
    labels: options.Labels = None,
    mean: options.Mean = None,
    std: options.Std = None,
    fit: options.Fit = None,
    broker: options.Broker = None,
    config: options.Config = None,
    runtime: options.Runtime = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Find out what is wrong on this machine, and which command mends it."""
    set_up_logging(debug, quiet=True)

    def settings() -> AgentConfig:
        return load(
            config,
            camera,
            broker,
            region={"crop": crop, "rotate": rotate, "flip": flip},
            model=model,
            labels=labels,
            runtime=runtime,
            input={"mean": mean, "std": std, "fit": fit},
        )

    raise typer.Exit(report(settings, config_file(config), as_json=as_json))


def report(read: Callable[[], AgentConfig], file: Path | None, *, as_json: bool = False) -> int:
    """Print each finding as soon as it is there; the first failure's exit code, or 0."""
    from edge.commands.doctor.diagnosis import Diagnosis

    exit_code = 0
    for finding in Diagnosis(read, file).findings():
        line = json.dumps(asdict(finding), ensure_ascii=False) if as_json else format_finding(finding)
        print(line, flush=True)
        exit_code = exit_code or finding.exit_code
    return exit_code


def format_finding(finding: Finding) -> str:
    """A line for people, and under it what to do."""
    line = f"{finding.grade:4}  {finding.part}: {finding.detail}"
    return f"{line}\n      → {finding.remedy}" if finding.remedy else line
