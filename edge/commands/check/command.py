"""`edge-agent check`."""

from __future__ import annotations

import typer

from edge.commands import options
from edge.commands.process import set_up_logging
from edge.commands.settings import load


def check_command(
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
    debug: options.Debug = False,
) -> None:
    """Check that everything works: configuration, model, self-test, cameras and broker."""
    set_up_logging(debug, quiet=True)
    from edge.commands.check.checks import run_checks

    settings = load(
        config,
        camera,
        broker,
        region={"crop": crop, "rotate": rotate, "flip": flip},
        model=model,
        labels=labels,
        runtime=runtime,
        input={"mean": mean, "std": std, "fit": fit},
    )
    count = len(settings.camera)
    print(
        f"ok    config: device {settings.device_id}, prefix {settings.topic_prefix}, cameras: {count}",
        flush=True,
    )
    exit_code = 0
    for result in run_checks(settings):
        print(f"{'FAIL' if result.error else 'ok  '}  {result.part}: {result.detail}", flush=True)
        exit_code = exit_code or (result.error.exit_code if result.error else 0)
    raise typer.Exit(exit_code)
