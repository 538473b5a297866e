"""Sinks by name, and how one is made from its settings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from edge.errors import ConfigError
from edge.publish.sink import Sink
from edge.records import ModelIdentity

CLASS_KEY = "class"  # of a sink's settings: whose class it is, for one that is not in SINKS
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
    target = str(settings.get(CLASS_KEY) or SINKS.get(name, ""))
    own = {key: value for key, value in settings.items() if key != CLASS_KEY}
    what = f"can't make the sink {name}"
    if not target:
        why = f"there is no sink of that name, only {', '.join(sorted(SINKS))}"
        raise ConfigError(what, why, f'name its class: sinks.{name}.class = "module:class"')
    sink_class = _load_class(target, what)
    try:
        inspect.signature(sink_class).bind(context, **own)
        return sink_class(context, **own)
    except (TypeError, ValueError) as error:
        raise ConfigError(what, str(error), f"check its settings under sinks.{name}") from error


def _load_class(target: str, what: str) -> Callable[..., Sink]:
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise ConfigError(what, f"{target!r} is not a module and a class", 'write class = "module:class"')
    try:
        loaded: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError) as error:
        advice = f"check {target!r}, and that its module is installed for this Python or on PYTHONPATH"
        raise ConfigError(what, str(error), advice) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Sink)):
        raise ConfigError(
            what, f"{target} is not a subclass of Sink", "derive it from edge.publish.sink.Sink"
        )
    return loaded
