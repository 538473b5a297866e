"""`edge-agent collect`."""

from __future__ import annotations

import contextlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.commands import options
from edge.commands.process import set_up_logging, settle, stop_on_signals
from edge.commands.settings import NO_CAMERA, blame_the_file, config_file, load
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.capture.sources.address import Source
    from edge.commands.collect.collector import CollectOptions, Feed
    from edge.commands.collect.photo_store import PhotoStore
    from edge.commands.collect.triggers import Trigger
    from edge.region import Region

MAX_LABELS = 9  # as many as there are keys


class Format(StrEnum):
    """How photographs are stored."""

    jpg = "jpg"
    png = "png"


def collect_command(
    label: Annotated[
        list[str],
        typer.Option(
            "--label", "-l", help="What the photographs show; give it again for each further class."
        ),
    ],
    camera: options.Camera = None,
    into: Annotated[
        Path, typer.Option("--into", "-i", help="The folder that holds a folder for each class.")
    ] = Path("photos"),
    every: Annotated[
        float | None, typer.Option(min=0.01, metavar="SECONDS", help="Take one every so many seconds.")
    ] = None,
    motion: Annotated[
        bool, typer.Option("--motion", help="Take one when something new has come to rest in the picture.")
    ] = False,
    motion_threshold: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=1.0, metavar="SHARE", help="How much of the picture must change (default: 0.02)."
        ),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many photographs.")] = None,
    duration: Annotated[
        float | None, typer.Option(min=0.01, metavar="SECONDS", help="Stop after this many seconds.")
    ] = None,
    picture_format: Annotated[
        Format, typer.Option("--format", help="The file format; png is lossless and large.")
    ] = Format.jpg,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Also store pictures that look like one already there.")
    ] = False,
    config: options.Config = None,
    require_camera: options.RequireCamera = False,
    debug: options.Debug = False,
) -> None:
    """Collect photographs for training from a camera into class folders.

    In a terminal the space bar takes one and q ends; with several labels
    the keys 1 to 9 choose one. Hands free: --every 2, or --motion (begin
    with the empty scene), or both. Of a video or a folder every frame is
    taken, unless one of the two is given. Pictures that look like one in
    their class folder are skipped. Needs no model.

    edge-agent collect --camera 0 --label mug --label plate --into photos/
    edge-agent collect --camera 0 --label mug --into photos/ --motion --count 50
    edge-train all photos/
    """
    set_up_logging(debug, quiet=True)
    from edge.commands.collect.collector import CollectOptions, Feed
    from edge.commands.collect.photo_store import PhotoStore
    from edge.commands.collect.triggers import MOTION_SHARE

    source, region = _choose_source(camera, config)
    share = motion_threshold or (MOTION_SHARE if motion else None)
    triggers = _choose_triggers(source, label, every, share)
    settle_s = _choose_settle_s(source, triggers)
    photo_store = PhotoStore(into, label, picture_format.value, compare=not keep_duplicates)
    plan = CollectOptions(count, duration, settle_s, require_camera)
    settle()
    _collect(Feed(source, region), photo_store, triggers, plan, debug)


def _collect(
    feed: Feed, store: PhotoStore, triggers: list[Trigger], plan: CollectOptions, debug: bool
) -> None:
    from edge.commands.collect.collector import Collector
    from edge.commands.collect.terminal import Terminal

    stop = stop_on_signals()
    terminal = Terminal(status_line=not debug)
    if not debug:
        terminal.notes_of("edge.capture.sources.folder")
    collector = Collector(feed, store, triggers, plan, terminal)
    keys = terminal.keys() if collector.uses_keys else contextlib.nullcontext()
    ended = False
    try:
        for notice in store.read(
            lambda number, of: terminal.status(f"reading the photographs already there: {number} of {of}"),
            stop.is_set,
        ):
            terminal.note(notice)
        with feed.running(), keys:
            collector.run(stop.is_set)
        ended = True
    finally:
        terminal.status("")
        if ended or collector.tally.stored:
            print(collector.tally.summary, flush=True)


def _choose_source(cameras: list[str] | None, config: Path | None) -> tuple[Source, Region | None]:
    """The one camera named on the command line, else in the configuration file, and its region."""
    from edge.capture.sources.address import parse_source

    settings = load(config, cameras, None)
    if not settings.camera:
        raise UsageError("there is nothing to do", "no camera is named", NO_CAMERA)
    if len(settings.camera) > 1:
        advice = f"give one, such as --camera {settings.camera[0].name or 0}"
        raise UsageError("can't collect from several cameras at once", "more than one is named", advice)
    if not cameras:
        blame_the_file(config_file(config), settings, cameras=True, broker=False)
    if settings.camera[0].region:
        advice = "give a --config in which the camera has the crop, rotate and flip of one of them"
        raise UsageError("can't collect from several regions at once", "the camera has named ones", advice)
    return parse_source(settings.camera[0].source), settings.camera[0].wanted


def _choose_triggers(
    source: Source, labels: list[str], every_s: float | None, motion_share: float | None
) -> list[Trigger]:
    """What decides when; none of them where every frame is to be taken."""
    from edge.commands.collect.triggers import Interval, KeyPress, Motion

    chosen: list[Trigger] = [] if every_s is None else [Interval(every_s)]
    chosen += [] if motion_share is None else [Motion(motion_share)]
    if chosen or not source.live:
        if len(labels) > 1:
            why = "without keys nobody chooses among them"
            raise UsageError("can't collect several labels like this", why, "run it once for each label")
        return chosen
    if not sys.stdin.isatty():
        why = "the standard input is no terminal to press keys in"
        raise UsageError("can't tell when to take a photograph", why, "give --every SECONDS or --motion")
    if len(labels) > MAX_LABELS:
        raise UsageError("can't collect so many labels at once", "the keys are 1 to 9", "name fewer")
    return [KeyPress()]


def _choose_settle_s(source: Source, triggers: list[Trigger]) -> float:
    """A webcam's first pictures are badly exposed, but a person with a key can see to that."""
    from edge.commands.collect.collector import SETTLE_S
    from edge.commands.collect.triggers import KeyPress

    by_hand = any(isinstance(trigger, KeyPress) for trigger in triggers)
    return SETTLE_S if source.kind == "device" and not by_hand else 0.0
