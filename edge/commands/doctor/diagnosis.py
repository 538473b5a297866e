"""`edge-agent doctor`: one check after the other, and what they need to know of each other.

Each check stands alone: one that breaks off is a finding, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge.capture.sources.address import Source, default_name, parse_source
from edge.commands.doctor.areas import (
    broker,
    cameras,
    clock,
    disk,
    model,
    outbox,
    packages,
    power,
    service,
)
from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.subprocess_check import FindingsByKind, Kind, check_in_subprocess
from edge.commands.doctor.system.installed import look
from edge.commands.doctor.system.user import program, run_as, user_name
from edge.errors import ConfigError, EdgeError, UsageError

if TYPE_CHECKING:
    from edge.config import AgentConfig, CameraConfig

log = logging.getLogger(__name__)

PACKAGES_FIRST = "mend the packages first"


class Diagnosis:
    """Of one machine, with what was found so far: the packages, the services, the configuration."""

    def __init__(self, load: Callable[[], AgentConfig], file: Path | None) -> None:
        """`load` reads the configuration, `file` is its file if there is one."""
        self._load, self._file = load, file
        self._config: AgentConfig | None = None
        self._services: list[service.Service] = []
        self._unloadable = {"all"}  # packages that can't be loaded
        self._has_model = False
        self._checked: FindingsByKind = {}

    def findings(self) -> Iterator[Finding]:
        """All that can be said; raises UsageError where the command line makes no sense."""
        yield from _isolate("packages", self._packages)
        yield from _isolate("service", self._user)
        yield from _isolate("config", self._configuration)
        if self._config is not None:
            config = self._config
            yield from _isolate("model", lambda: self._model_file(config))
            yield from _isolate("check", lambda: self._check(config))
            yield from _isolate("cameras", lambda: self._cameras(config))
            yield from _isolate("broker", lambda: self._broker(config))
        yield from _isolate("clock", self._clock)
        yield from _isolate("disk", self._disk)
        yield from _isolate("power", lambda: iter(power.judge(power.look())))
        yield from _isolate("service", lambda: map(service.judge, self._services))

    def _packages(self) -> Iterator[Finding]:
        installed = look()
        self._unloadable = packages.find_unloadable(installed)
        return packages.judge(installed)

    def _user(self) -> Iterator[Finding]:
        self._services = service.look()
        return iter(service.judge_user(self._services))

    def _configuration(self) -> Iterator[Finding]:
        if "pydantic" in self._unloadable:
            yield _report_skipped("config")
            return
        try:
            self._config = self._load()
        except ImportError:
            yield _report_skipped("config")
            return
        except ConfigError as error:
            remedy = error.what_to_do
            if isinstance(error.__cause__, PermissionError):
                remedy = run_as(self._services[0].user if self._services else "root")
            yield failure("config", f"{error.what}: {error.why}", remedy, error.exit_code)
            return
        where = self._file or "no file, only the command line"
        told = f"device {self._config.device_id}, prefix {self._config.topic_prefix}"
        yield Finding("config", f"{where}; {told}")

    def _model_file(self, config: AgentConfig) -> Iterator[Finding]:
        if "model" not in config.model_fields_set and not config.model.exists():
            detail = f"none is named, and there is no {config.model}"
            yield warning("model", detail, f"{program()} doctor --model FILE")
            return
        found = model.judge(config.model)
        self._has_model = not found.exit_code
        yield found

    def _check(self, config: AgentConfig) -> Iterator[Finding]:
        """What needs the packages, in one go: the model is told here, cameras and broker explained later."""
        if self._unloadable:
            yield from [_report_skipped("model")] if self._has_model else []
            return
        kinds: dict[Kind, bool] = {
            "model": self._has_model,
            "cameras": bool(config.camera),
            "broker": config.mqtt and self._names_broker(config),
        }
        self._checked = check_in_subprocess([kind for kind, is_wanted in kinds.items() if is_wanted], config)
        yield from self._checked.get("model", [])

    def _cameras(self, config: AgentConfig) -> Iterator[Finding]:
        if not config.camera:
            yield cameras.report_connected()
            return
        sources = dict(_name_part(camera) for camera in config.camera)
        for found in self._checked.get("cameras", [_report_skipped("cameras")]):
            source = sources.get(found.part)
            yield cameras.explain(found, source) if found.exit_code and source else found

    def _broker(self, config: AgentConfig) -> Iterator[Finding]:
        if config.mqtt and self._names_broker(config):
            yield from broker.examine(config, self._checked.get("broker"))
        elif config.mqtt:
            detail = f"none is named; the agent takes {config.broker.url}"
            yield warning("broker", detail, f"{program()} doctor --broker mqtt://HOST")

    def _names_broker(self, config: AgentConfig) -> bool:
        return self._file is not None or "url" in config.broker.model_fields_set

    def _clock(self) -> Iterator[Finding]:
        tls = self._config is not None and self._config.broker.url.startswith("mqtts")
        yield clock.judge(clock.look(), tls=tls)

    def _disk(self) -> Iterator[Finding]:
        """Of the service where there is one, for by hand the agent keeps its things elsewhere."""
        config = self._config
        folder = next((each.state_folder for each in self._services if each.state_folder), None)
        ours = {each.user for each in self._services} <= {user_name()}
        if config and (folder is None or "state_dir" in config.model_fields_set):
            folder = config.state_dir
        yield from disk.examine(folder or service.STATE, ours=ours and folder is not None)
        if config and folder and config.mqtt:
            yield from outbox.examine(folder / f"outbox-{config.device_id}.sqlite", ours=ours)


def _isolate(part: str, examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; an exception that ends it is one more finding."""
    try:
        yield from examine()
    except Exception as error:
        if part == "config" and isinstance(error, UsageError):
            raise
        log.debug("check of %s", part, exc_info=True)
        detail = f"its check breaks off ({type(error).__name__}: {error})"
        yield failure(part, detail, f"{program()} doctor --debug  # says where")


def _name_part(camera: CameraConfig) -> tuple[str, Source | None]:
    """The part that `check` calls it by."""
    try:
        source = parse_source(camera.source)
    except EdgeError:
        return "", None  # `check` says it
    return f"camera {camera.name or default_name(source)}", source


def _report_skipped(part: str) -> Finding:
    return warning(part, "not looked at, as packages can't be loaded", PACKAGES_FIRST)
