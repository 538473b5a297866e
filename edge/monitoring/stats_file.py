"""`stats` as a file in the folder that systemd gives the agent: for this machine itself, as MQTT is told."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.publish.topics import Topics

log = logging.getLogger(__name__)

NAME = "stats.json"


class StatsFile:
    """Replaces the file with each record, in one step; a disk that won't take it is no reason to stop."""

    def __init__(self, folder: Path, topics: Topics) -> None:
        self._path, self._temporary = folder / NAME, folder / f".{NAME}.tmp"
        self._topics = topics

    def write(self, record: Mapping[str, Any]) -> None:
        """Keep this record alone. Not synced: it need not outlive the agent."""
        try:
            self._temporary.write_bytes(self._topics.stats(record).payload + b"\n")
            self._temporary.chmod(0o644)
            self._temporary.replace(self._path)
        except OSError as error:
            log.warning("can't write %s: %s", self._path, error.strerror or error)


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder that systemd made for this run (RuntimeDirectory=), None without."""
    given = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else None


def read_stats(folder: Path) -> dict[str, Any] | None:
    """The last record of the agent that writes there; None where there is none."""
    try:
        record = json.loads((folder / NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
