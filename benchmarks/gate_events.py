"""The same events with the change gate as without: the agent on recorded scenes, both ways.

Nothing here depends on chance or on the clock, so each scene is run once, whatever the rounds.
"""

from __future__ import annotations

import io
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import clips, trained_model
from benchmarks.comparison import QUICK, Comparison, Effort, Findings, Part, Table
from benchmarks.gate_scenes import ROOM, SCENES, record
from edge.agent.build import built_agent
from edge.agent.load_classifier import load_classifier
from edge.config import load_config
from edge.monitoring.notify import Notifier

PEOPLE = "people come and go"
QUICK_SCENES = ("slides", "glimpses")
DECISION = {"window": 5, "smoothing": "mean"}
COLUMNS = ("scene", "events without", "with", "labels and reasons", "latest, frames", "classified with")


class Event(NamedTuple):
    """The frame that led to it, and the new state."""

    frame: int | None
    label: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scene's events without the gate and with it, and the part of its frames classified with it."""

    scene: str
    plain: list[Event]
    gated: list[Event]
    classified: float

    @property
    def same(self) -> bool:
        """Whether labels and reasons come in the same order."""
        return [event[1:] for event in self.plain] == [event[1:] for event in self.gated]

    @property
    def row(self) -> tuple[str, ...]:
        """As cells under COLUMNS."""
        pairs = zip(self.plain, self.gated, strict=True) if self.same else ()
        late = [b.frame - a.frame for a, b in pairs if a.frame is not None and b.frame is not None]
        return (
            self.scene,
            str(len(self.plain)),
            str(len(self.gated)),
            "same" if self.same else "DIFFERENT",
            str(max(late)) if late else "",
            f"{self.classified:.0%}",
        )


def run(work: Path, effort: Effort) -> Findings:
    """Each scene; with little effort two of them."""
    if not clips.is_there():
        return Findings(skipped=clips.MISSING)
    if not trained_model.can_be_trained():
        return Findings(skipped=trained_model.MISSING)
    model = trained_model.trained_model(work)
    names = QUICK_SCENES if effort.seconds <= QUICK.seconds else (PEOPLE, *SCENES)
    outcomes = [_outcome(name, model, work / "gate-scenes") for name in names]
    same = sum(outcome.same for outcome in outcomes)
    comparison = Comparison(
        "scenes with the same events", (float(same),), "scenes", (float(len(names)),), "scenes", goal=1.0
    )
    return Findings((comparison,), (Table(COLUMNS, tuple(outcome.row for outcome in outcomes)),))


def _outcome(scene: str, model: Path, folder: Path) -> Outcome:
    video = ROOM if scene == PEOPLE else _recorded(scene, folder)
    plain, _ = _events(video, model, gate=False)
    return Outcome(scene, plain, *_events(video, model, gate=True))


def _recorded(name: str, folder: Path) -> Path:
    video = folder / f"{''.join(c if c.isalnum() else '-' for c in name)}.mkv"
    if not video.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        part = video.with_suffix(".part.mkv")
        record(SCENES[name], part, seed=len(name))
        part.rename(video)
    return video


def _events(video: Path, model: Path, *, gate: bool) -> tuple[list[Event], float]:
    """What the agent says of a video, and the part of its frames that it classified."""
    settings = {
        "camera": [{"source": str(video), "name": "scene"}],
        "model": model,
        "decision": DECISION,
        "gate": {"enabled": gate},
        "stdout": True,
        "mqtt": False,
    }
    said = io.StringIO()
    config, stop = load_config(None, settings, {}), threading.Event()
    classifier = load_classifier(config)
    with built_agent(config, classifier, stop, stream=said, notifier=Notifier({})) as agent:
        agent.run()
        counted = agent.health.cameras["scene"]
    decisions = map(json.loads, said.getvalue().splitlines())
    events = [Event(d["frame"], d["label"], d["unknown_reason"]) for d in decisions if d["changed"]]
    return events, counted.classified / (counted.classified + counted.unchanged)


WHY_MISSED = "For this the gate is off unless it is asked for. What its rules took is in LOG.md."
PART = Part("gate_events", "The same events with the change gate", run, quick=False, why=WHY_MISSED)
