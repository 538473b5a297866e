"""Classes that are named as `module:Class`, in a table or in agent.toml, and imported only when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

from edge.errors import ConfigError, EdgeError

Made = TypeVar("Made")

# The key of a section in agent.toml that names the class; all other keys are the class's own.
CLASS_KEY = "class"


def make_object(
    target: str, base: type[Made], argument: object, settings: Mapping[str, Any], *, section: str
) -> Made:
    """Call the class with its argument and its settings; raises ConfigError.

    base: what the class must be derived from. section: where the settings stand in agent.toml, for messages.
    """
    what = f"can't use [{section}]"
    module, _, attribute = target.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(what, str(error), f"is {target!r} right, and installed for this Python?") from error
    if not (isinstance(found, type) and base in found.__mro__):
        raise ConfigError(what, f"{target} is not a subclass of {base.__module__}.{base.__name__}")
    try:
        made: Made = found(argument, **settings)
    except EdgeError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(what, str(error), "check its settings") from error
    return made
