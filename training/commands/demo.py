"""`edge-train demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.commands.options import RunsDir, Seed


def demo_command(
    work: Annotated[Path, typer.Option(help="Where the recording goes.")] = Path("demo"),
    runs_dir: RunsDir = Path("runs"),
    seed: Seed = None,
) -> None:
    """Solar cells → a model → a recorded inspection line → labels over MQTT, judged."""
    from training.commands.terminal import Terminal
    from training.demo.run import DemoOptions, run_demo

    work.mkdir(parents=True, exist_ok=True)
    counts = run_demo(DemoOptions(work, runs_dir, seed=1 if seed is None else seed), Terminal())
    if not counts.passed:
        raise typer.Exit(1)
