"""`edge-agent bench`."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.commands import options
from edge.commands.process import set_up_logging, settle
from edge.commands.settings import config_file, load
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.commands.bench.figures import Bench
    from edge.commands.bench.tune import Tuning
    from edge.config import AgentConfig


def bench_command(
    camera: options.Camera = None,
    model: options.Model = None,
    labels: options.Labels = None,
    mean: options.Mean = None,
    std: options.Std = None,
    fit: options.Fit = None,
    config: options.Config = None,
    frames: Annotated[int, typer.Option(min=1, help="How many frames to measure.")] = 200,
    threads: options.Threads = None,
    runtime: options.Runtime = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Also draw the times of the stages as a picture.")
    ] = None,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Find the best threads and runtime; print the lines for agent.toml."),
    ] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Measure how fast this machine runs the model and the camera, and what limits the rate.

    --camera takes the name of a configured camera or any source; without it a synthetic video is measured.
    """
    set_up_logging(debug, quiet=True)
    if tune and (camera or threads or plot):
        extra = "--camera" if camera else "--threads" if threads else "--plot"
        why = "it tries all threads, on synthetic pictures"
        raise UsageError(f"can't use {extra} with --tune", why, "leave it out")
    overrides: dict[str, Any] = {
        "model": model,
        "labels": labels,
        "input": {"mean": mean, "std": std, "fit": fit},
        "threads": threads,
        "runtime": runtime,
    }
    settings = load(config, None, None, **overrides)
    if tune:
        _tune(settings, config_file(config), frames, runtime, as_json=as_json)
        return
    settle()
    if camera:
        named = load(config, camera, None, **overrides)
        own = [each for each in settings.camera if camera[0] in (each.name, each.source)]
        settings = named.model_copy(update={"camera": tuple(own)}) if own and not camera[1:] else named
    found = _measure(settings, frames)
    if plot:
        from edge.commands.bench.plot import write_plot

        write_plot(found, plot)
    _print(found, as_json=as_json)


def _measure(settings: AgentConfig, frames: int) -> Bench:
    """On the only camera there is; without one on a synthetic video, which is not counted into the start."""
    from edge.capture.sources.address import strip_credentials
    from edge.commands.bench.measure import measure, measure_on_synthetic_video

    if not settings.camera:
        return measure_on_synthetic_video(settings, frames)
    if len(settings.camera) > 1:
        names = ", ".join(each.name or strip_credentials(each.source) for each in settings.camera)
        why = f"bench measures one camera, and here are {names}"
        raise UsageError("can't measure several cameras at once", why, "name one of them: --camera NAME")
    return measure(settings, frames)


def _print(found: Bench, *, as_json: bool) -> None:
    from edge.commands.bench.chart import report

    if as_json:
        print(json.dumps(dataclasses.asdict(found), ensure_ascii=False))
        return
    columns = shutil.get_terminal_size().columns
    for line in report(found, columns=columns, colour=_has_colours(), blocks=_has_blocks()):
        print(line)


def _has_colours() -> bool:
    """See no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _has_blocks() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _tune(
    settings: AgentConfig, file: Path | None, frames: int, runtime: str | None, *, as_json: bool
) -> None:
    from edge.commands.bench.tune import changes, tune

    found = tune(settings, frames)
    wanted = changes(found.best.setting, file, runtime)
    if as_json:
        print(json.dumps({**dataclasses.asdict(found), "changes": wanted}, ensure_ascii=False))
        return
    _print_tuning(found)
    if not wanted:
        print(f"{file or 'the default'} already says this")
        return
    print(f"put these lines at the top of {file or 'agent.toml'}, in place of the old ones:")
    for key, value in wanted.items():
        print(f"{key} = {json.dumps(value)}")


def _print_tuning(found: Tuning) -> None:
    print(f"{found.model}: inference by runtime and threads, in turns")
    print(f"{'':32}{'a frame':>10}{'processor':>12}   times as fast")
    for each in found.tried:
        plural = "s" if each.setting.threads > 1 else ""
        name = f"{each.setting.library}, {each.setting.threads} thread{plural}"
        spread = f"{each.gain:.2f} ({each.least_gain:.2f} to {each.most_gain:.2f})"
        best = "   best" if each == found.best else ""
        print(f"{name:32}{each.inference_ms:7.2f} ms{each.cpu_ms:9.2f} ms   {spread}{best}")
    if found.remark:
        print(found.remark)
