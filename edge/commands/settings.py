"""What the commands make of the command line and the configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import UsageError

if TYPE_CHECKING:
    import typer

    from edge.config import AgentConfig

NO_CAMERA = """try edge-agent --camera 0 for a webcam, --camera rtsp://… for a stream, --camera video.mp4 \
for a recording, --camera test:// for none at all, or name cameras in agent.toml"""


def load(
    config: Path | None,
    cameras: list[str] | None,
    broker: str | None,
    region: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> AgentConfig:
    """The configuration with these options; None means not given. Raises ConfigError or UsageError.

    region: crop, rotate and flip of the one camera.
    """
    from edge.capture.sources.address import extract_credentials, split_name
    from edge.capture.sources.schemes import register_sources
    from edge.commands.process_title import hide
    from edge.config_file import load_config

    part = {key: value for key, value in (region or {}).items() if value is not None}
    if part and len(cameras or ()) != 1:
        advice = "give one --camera with it, or write it into agent.toml"
        raise UsageError(f"can't use --{next(iter(part))} here", "it is for one camera", advice)
    if cameras:
        named = [split_name(text) for text in cameras]
        hide(part for _, source in named for part in extract_credentials(source))
        overrides["camera"] = tuple({"name": name, "source": source, **part} for name, source in named)
    settings = load_config(config_file(config), {**overrides, "broker": {"url": broker}})
    register_sources(settings.sources)
    return settings


def config_file(config: Path | None) -> Path | None:
    """The file named, else the first of the usual ones that exists."""
    from edge.defaults import usual_config_files

    return config or next((path for path in usual_config_files(os.environ) if path.is_file()), None)


def blame_the_file(file: Path | None, settings: AgentConfig, *, cameras: bool, broker: bool) -> None:
    """An address that is wrong in the file is the configuration's fault, not the command line's."""
    from edge.agent.addresses import check_addresses_of_file

    if file:
        check_addresses_of_file(file, settings, cameras=cameras, broker=broker and settings.mqtt)


def refuse_options_before(context: typer.Context, program: str) -> None:
    """An option before a command would be dropped silently: raise UsageError, which says where it belongs."""
    given = [
        name
        for name in context.params
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        option, command = f"--{given[0].replace('_', '-')}", context.invoked_subcommand
        why = f"it stands before the command `{command}`"
        raise UsageError(f"can't use {option} here", why, f"write {program} {command} {option} …")
