"""`edge-agent bench`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edge.commands.options import (
    CameraOption,
    ConfigOption,
    DebugOption,
    FitOption,
    JsonOption,
    LabelsOption,
    MeanOption,
    ModelOption,
    RuntimeOption,
    StdOption,
    ThreadsOption,
)
from edge.commands.process import set_up_logging
from edge.commands.settings import load


def bench_command(
    camera: CameraOption = None,
    model: ModelOption = None,
    labels: LabelsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    fit: FitOption = None,
    config: ConfigOption = None,
    frames: Annotated[int, typer.Option(min=1, help="How many frames to measure.")] = 200,
    threads: ThreadsOption = None,
    runtime: RuntimeOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure latency and memory of this model on this machine, stage by stage."""
    set_up_logging(debug, quiet=True)
    import dataclasses

    from edge.bench import measure
    from edge.wiring import load_classifier, named_sources

    settings = load(
        config,
        camera or ["test://?fps=1000"],
        None,
        model=model,
        labels=labels,
        input={"mean": mean, "std": std, "fit": fit},
        threads=threads,
        runtime=runtime,
    )
    source = next(iter(named_sources(settings).values()))
    result = measure(load_classifier(settings), source, frames)
    if as_json:
        print(json.dumps(dataclasses.asdict(result)))
        return
    print(f"{result.model} on {result.runtime}, {result.frames} frames of {result.source}")
    print(f"{'':12}{'p50':>9}{'p95':>9}{'p99':>9}")
    for stage in result.stages:
        print(f"{stage.stage:12}{stage.p50_ms:6.2f} ms{stage.p95_ms:6.2f} ms{stage.p99_ms:6.2f} ms")
    print(f"{result.fps:.1f} frames/s in one thread, {result.memory_mb} MB resident")
