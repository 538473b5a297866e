"""`edge-agent` itself: run the agent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edge.commands import options
from edge.commands.process import set_up_logging, settle, share_one_heap, stop_on_signals
from edge.commands.settings import NO_CAMERA, blame_the_file, config_file, load, refuse_options_before
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.config import AgentConfig


def run_command(
    context: typer.Context,
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
    device_id: options.Device = None,
    topic_prefix: options.Prefix = None,
    fps: Annotated[float | None, typer.Option(help="Classify at most this many frames a second.")] = None,
    threads: options.Threads = None,
    min_confidence: options.Confidence = None,
    frames: Annotated[int | None, typer.Option(help="Stop after this many frames of each camera.")] = None,
    duration: Annotated[
        float | None, typer.Option(help="Stop after this many seconds of each camera.")
    ] = None,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Print the decisions as JSON lines instead of publishing them.")
    ] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Also publish all scores of every frame.")] = False,
    runtime: options.Runtime = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="[HOST:]PORT", help="Serve metrics for Prometheus (default host: 127.0.0.1)."),
    ] = None,
    max_frame_age: Annotated[
        float | None, typer.Option(help="Ignore frames older than this many seconds (default: 2).")
    ] = None,
    start_after: Annotated[
        float | None, typer.Option(help="Wait this many seconds before the first frame (default: 0).")
    ] = None,
    drain_timeout: Annotated[
        float | None,
        typer.Option(help="At the end, wait this long for open publishes, in seconds (default: 5)."),
    ] = None,
    require_camera: options.RequireCamera = False,
    require_broker: Annotated[
        bool, typer.Option("--require-broker", help="Exit with 69 if the broker is missing at the start.")
    ] = False,
    homeassistant: Annotated[
        bool, typer.Option("--homeassistant", help="Announce the cameras to Home Assistant.")
    ] = False,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Accept commands over MQTT: enable, threshold, snapshot.")
    ] = False,
    debug: options.Debug = False,
    version: options.Version = False,
) -> None:
    """Run the agent, or one of the commands below."""
    if context.invoked_subcommand is not None:
        refuse_options_before(context, "edge-agent")
        return
    set_up_logging(debug, for_weeks=True)
    settings = load(
        config,
        camera,
        broker,
        region={"crop": crop, "rotate": rotate, "flip": flip},
        model=model,
        labels=labels,
        input={"mean": mean, "std": std, "fit": fit},
        device_id=device_id,
        topic_prefix=topic_prefix,
        fps=fps,
        threads=threads,
        frames=frames,
        duration=duration,
        runtime=runtime,
        decision={"min_confidence": min_confidence},
        stdout=stdout or None,
        mqtt=True if broker else False if stdout else None,
        publish_scores=scores or None,
        metrics=metrics,
        max_frame_age=max_frame_age,
        start_after=start_after,
        drain_timeout=drain_timeout,
        require_camera=require_camera or None,
        require_broker=require_broker or None,
        homeassistant=homeassistant or None,
        allow_commands=allow_commands or None,
    )
    if not settings.camera:
        raise UsageError("there is nothing to do", "no camera is named", NO_CAMERA)
    blame_the_file(config_file(config), settings, cameras=not camera, broker=broker is None)
    _run_agent(settings)


def _run_agent(settings: AgentConfig) -> None:
    from edge.agent.addresses import check_addresses
    from edge.agent.build import build_agent
    from edge.agent.load_classifier import load_classifier
    from edge.monitoring.notify import Notifier
    from edge.preprocess import limit_threads

    stop = stop_on_signals()
    check_addresses(settings)  # what they have wrong is said before a model is loaded
    share_one_heap()
    limit_threads(1)  # as build_agent does, but the self-test comes before
    classifier = load_classifier(settings)
    with build_agent(settings, classifier, stop, stream=sys.stdout, notifier=Notifier()) as agent:
        settle()
        agent.run()
