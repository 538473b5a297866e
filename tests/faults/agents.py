"""The agent as the faults run it: a camera whose colour changes often, events printed, sent and kept."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from edge.publish.outbox.event_store import EventStore
from tests.support.agents.command_line import ROOT, EdgeAgent
from tests.support.tools import PATIENCE_S

MODEL = ROOT / "tests" / "golden" / "colours.tflite"
CONFIG = """
state_dir = "{state}"
device_id = "faulty"
heartbeat = 5
stats_interval = 1
[decision]
window = 1
hysteresis = 0.0
[outbox]
rate = {rate}
"""


def changing(fps: int) -> str:
    """The address of a camera with another colour every fourth frame."""
    return f"cam=test://?fps={fps}&size=128x8"


def start_agent(
    folder: Path,
    name: str,
    broker: str,
    fps: int,
    *,
    rate: int = 500,
    before: str = "",
    drain_s: float = PATIENCE_S,
) -> EdgeAgent:
    """An agent with a folder of its own for what it prints, and one for what it keeps that all share.

    before: Python to run in its process first. drain_s: how long it waits at its end for the broker.
    """
    own = folder / name
    own.mkdir(parents=True)
    config = own / "agent.toml"
    config.write_text(CONFIG.format(state=folder / "state", rate=rate))
    arguments = ("--camera", changing(fps), "--model", MODEL, "--config", config)
    arguments = (*arguments, "--broker", broker, "--stdout", "--drain-timeout", drain_s)
    return EdgeAgent(own, *arguments, before=before)


def printed_events(agent: EdgeAgent) -> list[dict[str, Any]]:
    """The events that it has printed."""
    return [record for record in agent.records if record["changed"]]


def outbox_file(folder: Path) -> Path:
    """Where these agents keep their events."""
    return folder / "state" / "outbox-faulty.sqlite"


def is_whole(outbox: Path) -> bool:
    """Whether SQLite finds nothing wrong; leaves the file as it was found but for its journal."""
    database = sqlite3.connect(outbox)
    try:
        return bool(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
    except sqlite3.DatabaseError:
        return False
    finally:
        database.close()


def waiting_events(outbox: Path) -> set[int]:
    """The numbers of the events that no broker has acknowledged yet; no agent may be running."""
    with contextlib.closing(EventStore(outbox)) as store:
        return {json.loads(event.payload)["sequence"] for event in store.after(0)}
