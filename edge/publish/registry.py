"""Sinks by name, and how one is made from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from edge.errors import ConfigError
from edge.plugins import CLASS_KEY, make_object
from edge.publish.sink import Sink
from edge.records import ModelIdentity

# Each is `module:class`, imported only when somebody asks for it.
SINKS = {"stdout": "edge.publish.stdout:StdoutSink"}


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What every sink may know: whose decisions it gets, and where printed ones go."""

    device: str
    model: ModelIdentity
    labels: tuple[str, ...]
    stream: TextIO


def register_sink(name: str, target: str) -> None:
    """Make a sink known under a name; target: its class as `module:class`."""
    SINKS[name] = target


def open_sink(name: str, settings: Mapping[str, Any], context: SinkContext) -> Sink:
    """The sink of that name, not started yet: its class is called with the context and its settings.

    `class` in the settings names the class of a sink that is not in SINKS. Raises ConfigError.
    """
    target = settings.get(CLASS_KEY) or SINKS.get(name, "")
    own = {key: value for key, value in settings.items() if key != CLASS_KEY}
    what = f"can't make the sink {name}"
    if not target:
        advice = f'name one of these, or its class: sinks.{name}.class = "module:class"'
        raise ConfigError(what, f"there are: {', '.join(sorted(SINKS))}", advice)
    return make_object(str(target), Sink, context, own, section=f"sinks.{name}")
