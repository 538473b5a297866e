"""`edge-agent models`, with `add`, `use` and `rollback`."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.commands import options
from edge.commands.process import set_up_logging, stop_on_signals
from edge.commands.settings import load, refuse_options_before
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.commands.models.canary import Canary
    from edge.commands.models.model_versions import Version
    from edge.config import AgentConfig
    from edge.model.store import ModelStore

TITLES = ("", "name", "version", "sha256", "accuracy", "installed")
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        help="The folder of models (default: the configured model's, or /var/lib/edge-agent/models).",
    ),
]
WatchOption = Annotated[
    float | None,
    typer.Option(
        "--watch",
        metavar="SECONDS",
        min=0,
        help="Restart the agent, watch it this long, and switch back if it is worse.",
    ),
]
UnitOption = Annotated[str, typer.Option("--unit", help="The agent's systemd unit, for --watch.")]
DEFAULT_UNIT = "edge-agent"

models_app = typer.Typer(add_completion=False)


@models_app.callback(invoke_without_command=True)
def models_command(
    context: typer.Context,
    store: StoreOption = None,
    config: options.Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    debug: options.Debug = False,
) -> None:
    """List the models on this device, add one, or go back to an earlier one."""
    if context.invoked_subcommand is not None:
        refuse_options_before(context, "edge-agent models")
        return
    set_up_logging(debug, quiet=True)
    from edge.commands.models.model_versions import choose_store, list_versions

    kept = choose_store(load(config, None, None), store)
    found = list_versions(kept)
    if as_json:
        lines = [json.dumps(asdict(each), ensure_ascii=False) for each in found]
    else:
        lines = table(found) if found else [f"there are no models in {kept.folder}"]
    for line in lines:
        print(line)


@models_app.command("add")
def add_command(
    file: Annotated[Path, typer.Argument(help="A model file.")],
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HEX", help="Refuse a file with another hash.")
    ] = None,
    store: StoreOption = None,
    watch: WatchOption = None,
    unit: UnitOption = DEFAULT_UNIT,
    config: options.Config = None,
    runtime: options.Runtime = None,
    debug: options.Debug = False,
) -> None:
    """Test a model on this device, store it, and make it the current one."""
    set_up_logging(debug, quiet=True)
    from edge.commands.models.model_versions import add

    settings, kept, canary = _open_store(config, runtime, store, watch, unit)
    _tell(add(kept, settings, file, sha256, canary), settings, kept)


@models_app.command("use")
def use_command(
    version: Annotated[str, typer.Argument(help="Name, version, hash or file name.")],
    store: StoreOption = None,
    watch: WatchOption = None,
    unit: UnitOption = DEFAULT_UNIT,
    config: options.Config = None,
    runtime: options.Runtime = None,
    debug: options.Debug = False,
) -> None:
    """Make a stored version the current one."""
    set_up_logging(debug, quiet=True)
    from edge.commands.models.model_versions import use

    settings, kept, canary = _open_store(config, runtime, store, watch, unit)
    _tell(use(kept, settings, version, canary), settings, kept)


@models_app.command("rollback")
def rollback_command(
    store: StoreOption = None,
    watch: WatchOption = None,
    unit: UnitOption = DEFAULT_UNIT,
    config: options.Config = None,
    runtime: options.Runtime = None,
    debug: options.Debug = False,
) -> None:
    """Make the version before the current one current again."""
    set_up_logging(debug, quiet=True)
    from edge.commands.models.model_versions import rollback

    settings, kept, canary = _open_store(config, runtime, store, watch, unit)
    _tell(rollback(kept, settings, canary), settings, kept)


def table(found: list[Version]) -> list[str]:
    """The list for people: a line a version, `*` before the current one."""
    rows = [TITLES, *(_cells(each) for each in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _cells(version: Version) -> tuple[str, ...]:
    measured = "-" if version.accuracy is None else f"{version.accuracy:.3f} of {version.count}"
    mark = "*" if version.current else ""
    installed = version.installed[:16].replace("T", " ")
    return (mark, version.name, version.version, version.sha256, version.problem or measured, installed)


def _open_store(
    config: Path | None, runtime: str | None, store: Path | None, watch_s: float | None, unit: str
) -> tuple[AgentConfig, ModelStore, Canary | None]:
    from edge.commands.models.model_versions import choose_store

    settings = load(config, None, None, runtime=runtime)
    if watch_s is None:
        return settings, choose_store(settings, store), None
    from edge.commands.models.canary import Canary
    from edge.commands.models.systemd_unit import Unit

    kept = choose_store(settings, store)
    another = _find_other_model(settings, kept)
    if another:
        raise UsageError("can't watch the agent with it", another[0], another[1])
    # A connection that breaks must not leave it undecided.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    figures_s = settings.start_after + settings.stats_interval
    return settings, kept, Canary(Unit(unit), watch_s, figures_s, stop_on_signals())


def _find_other_model(settings: AgentConfig, store: ModelStore) -> tuple[str, str] | None:
    """That the agent is told to run another file, and what to do; None where it runs the store's."""
    link = store.link.absolute()
    if settings.model.absolute() == link:
        return None
    return f"the configuration names {settings.model}", f'write model = "{link}" into agent.toml'


def _tell(done: str, settings: AgentConfig, store: ModelStore) -> None:
    print(done)
    another = _find_other_model(settings, store)
    if another:
        print(f"{another[0]}: {another[1]}")
