"""The same events with the change gate as without: the agent on recorded scenes, both ways.

Run: python -m benchmarks.gate_events --model FILE [--scenes NAME…] [--window 5] [--smoothing mean]
A line a scene: how many events, whether labels and reasons come in the same order, by how many frames the
latest is late, and which share of the frames was classified. Ends with 1 where an event is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from benchmarks.gate_scenes import ROOM, SCENES, record
from edge.config import load_config
from edge.monitoring.notify import Notifier
from edge.wiring import built_agent

PEOPLE = "people come and go"


class Event(NamedTuple):
    """The frame that led to it, and the new state."""

    frame: int | None
    label: str | None
    reason: str | None


def main() -> None:
    """Record, run and compare."""
    parser = argparse.ArgumentParser(description="events with and without the change gate")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scenes", nargs="+", default=[PEOPLE, *SCENES])
    parser.add_argument("--window", type=int, default=5)
    parser.add_argument("--smoothing", default="mean")
    parser.add_argument("--folder", type=Path, help="keep the scenes here for the next run")
    options = parser.parse_args()
    missed = 0
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in options.scenes:
            video = ROOM if name == PEOPLE else _recorded(name, folder)
            plainly, _ = _events(video, options, gate=False)
            gated, share = _events(video, options, gate=True)
            missed += _print(name, plainly, gated, share)
    sys.exit(missed > 0)


def _recorded(name: str, folder: Path) -> Path:
    video = folder / f"{''.join(c if c.isalnum() else '-' for c in name)}.mkv"
    if not video.is_file():
        part = video.with_suffix(".part.mkv")
        record(SCENES[name], part, seed=len(name))
        part.rename(video)
    return video


def _events(video: Path, options: argparse.Namespace, *, gate: bool) -> tuple[list[Event], float]:
    """What the agent says of a video, and the share of its frames that it classified."""
    settings = {
        "camera": [{"source": str(video), "name": "scene"}],
        "model": options.model,
        "decision": {"window": options.window, "smoothing": options.smoothing},
        "gate": {"enabled": gate},
        "stdout": True,
        "mqtt": False,
    }
    said = io.StringIO()
    config, stop = load_config(None, settings, {}), threading.Event()
    with built_agent(config, stop, stream=said, notifier=Notifier({})) as agent:
        agent.run()
        counted = agent.health.cameras["scene"]
    decisions = map(json.loads, said.getvalue().splitlines())
    events = [Event(d["frame"], d["label"], d["unknown_reason"]) for d in decisions if d["changed"]]
    return events, counted.classified / (counted.classified + counted.unchanged)


def _print(name: str, plainly: list[Event], gated: list[Event], share: float) -> bool:
    """One line; true where the events differ."""
    same = [event[1:] for event in plainly] == [event[1:] for event in gated]
    late = [b.frame - a.frame for a, b in zip(plainly, gated, strict=False) if a.frame and b.frame]
    how = f"same, {min(late, default=0)} to {max(late, default=0)} frames late" if same else "DIFFERENT"
    counts = f"{len(plainly)} events" if same else f"{len(plainly)} and {len(gated)} events"
    print(f"{name:34}{counts:>18}  {how}, {share:.3f} classified", flush=True)
    return not same


if __name__ == "__main__":
    main()
