"""agent.toml, the environment and the command line become one frozen AgentConfig.

The command line wins over the environment, the environment over the file. Unknown keys are errors.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.config import AgentConfig, BrokerConfig
from edge.errors import ConfigError, UsageError

log = logging.getLogger(__name__)

MODEL_VARIABLE = "EDGE_AGENT_MODEL"
PASSWORD_VARIABLE = "EDGE_AGENT_BROKER_PASSWORD"  # noqa: S105 (a name, not a secret)
PASSWORD_CREDENTIAL = "broker-password"  # noqa: S105 (a name, not a secret)
# What a section was called in earlier versions → what it is called now; None: what it was for has gone.
FORMER_SECTIONS = {"sight": "frame_quality", "gate": None}


def load_config(
    file: Path | None, overrides: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> AgentConfig:
    """Merge the file, the environment and the command line's values.

    Keys of `overrides` are AgentConfig's; sections are merged key by key, and None means not given.
    Raises ConfigError for the file, UsageError for the command line.
    """
    settings = _with_present_names(_read_toml(file), file) if file else {}
    if file:
        _validate(settings, ConfigError, f"the configuration {file} is invalid", file)
    if environment.get(MODEL_VARIABLE):
        settings = {**settings, "model": environment[MODEL_VARIABLE]}
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            given = {name: item for name, item in value.items() if item is not None}
            settings[key] = {**settings.get(key, {}), **given}
        elif value is not None:
            settings[key] = value
    url = overrides.get("broker", {}).get("url")
    if file and not url and (beside := _password_beside(file, environment)):
        settings["broker"] = {"password_file": beside, **settings.get("broker", {})}
    return _validate(settings, UsageError, "a command line option is invalid", None)


def read_password(broker: BrokerConfig, environment: Mapping[str, str] = os.environ) -> str | None:
    """The broker password from the configured file, systemd's credentials or the environment."""
    directory = environment.get("CREDENTIALS_DIRECTORY")
    credential = Path(directory) / PASSWORD_CREDENTIAL if directory else None
    for path in (broker.password_file, credential if credential and credential.exists() else None):
        if path is None:
            continue
        try:
            password = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            advice = "check the file and its permissions"
            raise ConfigError(f"can't read the broker password from {path}", str(error), advice) from error
        if password or path != credential:  # the unit gives an empty one where there is no password's file
            return password
    return environment.get(PASSWORD_VARIABLE)


def _password_beside(file: Path, environment: Mapping[str, str]) -> Path | None:
    """The units' password, which lies beside their configuration: who may read it (root) need not type it."""
    path = file.parent / PASSWORD_CREDENTIAL
    given = environment.get(PASSWORD_VARIABLE) or environment.get("CREDENTIALS_DIRECTORY")
    return path if not given and os.access(path, os.R_OK) and path.stat().st_size else None


def _with_present_names(settings: dict[str, Any], file: Path) -> dict[str, Any]:
    """The settings under today's names: a file that ran with an earlier version must go on running."""
    for former, present in FORMER_SECTIONS.items():
        if former in settings and present not in settings:
            what = f"is called [{present}] now" if present else "has no effect any more"
            log.warning("%s: [%s] %s", file, former, what)
            section = settings.pop(former)
            if present:
                settings[present] = section
    return settings


def _read_toml(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        denied = isinstance(error, PermissionError)
        advice = "let root do it (sudo), or let this user read it" if denied else "check the path"
        raise ConfigError(f"can't read the configuration {file}", str(reason), advice) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration {file} is not TOML", str(error), "mend that line") from error


def _validate(
    settings: Mapping[str, Any],
    error_type: type[ConfigError] | type[UsageError],
    what: str,
    file: Path | None,
) -> AgentConfig:
    try:
        return AgentConfig.model_validate(settings)
    except ValidationError as error:
        finding = error.errors()[0]
        key = ".".join(str(part) for part in finding["loc"])
        reason = "unknown key" if finding["type"] == "extra_forbidden" else finding["msg"]
        advice = "deploy/agent.example.toml lists the keys" if file else "see --help"
        line = "" if finding["type"] == "missing" else _line_of(file, finding["loc"])
        raise error_type(what, f"{line}{key}: {reason}", advice) from error


def _line_of(file: Path | None, location: tuple[int | str, ...]) -> str:
    """`line 7: ` where the last named key of a finding stands in the file, as far as it can be found."""
    names = [part for part in location if isinstance(part, str)]
    if file is None or not names:
        return ""
    pattern = re.compile(rf"^\s*(\[+\s*)?([\w-]+\.)*{re.escape(names[-1])}\s*[=\].]")
    numbers = [
        n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if pattern.match(line)
    ]
    return f"line {numbers[0]}: " if len(numbers) == 1 else ""
