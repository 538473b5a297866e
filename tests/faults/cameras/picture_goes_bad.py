"""The camera's picture goes black, white, flat or stands still, and comes back, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from edge.capture.frame_quality import SEEN_S
from tests.conftest import GOLDEN
from tests.faults.outcome import Fault, Outcome
from tests.support.agents.command_line import EdgeAgent

NAME = "picture-goes-bad"
FPS, FROZEN_AFTER_S = 50, 1
GOOD_FRAMES = 40
REASONS = {"black": "dark", "white": "bright", "cover": "covered", "freeze": "frozen"}
SPOILT_FRAMES = {"black": 60, "white": 60, "cover": 60, "freeze": 60 + FROZEN_AFTER_S * FPS}


@dataclass(frozen=True, slots=True)
class Spell:
    """The picture is spoilt from the frame `first` on and good again from `end` on."""

    kind: str
    first: int
    end: int


def run(folder: Path, tries: int) -> Outcome:
    """Each kind `tries` times; no label may be made of a spoilt picture, and the labels must come back."""
    spells = _plan(tries)
    records = _watched(folder, spells)
    trouble, found_s, recovery_s = [], [], []
    for spell in spells:
        during = [record for record in records if spell.first <= record["frame"] < spell.end]
        after = [record for record in records if spell.end <= record["frame"] < spell.end + GOOD_FRAMES]
        reasons = [record["unknown_reason"] for record in during]
        labelled = next((record for record in after if record["label"]), None)
        if REASONS[spell.kind] not in reasons or labelled is None:
            never = "found" if labelled else "left again"
            trouble.append(f"{spell.kind} at frame {spell.first} was never {never}")
            continue
        noticed = reasons.index(REASONS[spell.kind])
        claims = during[noticed:] if spell.kind == "freeze" else during
        if any(record["label"] for record in claims):
            trouble.append(f"a label was made of {spell.kind} at frame {spell.first}")
        before = max((r for r in records if r["frame"] < spell.first), key=lambda r: r["frame"])
        found_s.append(_time_s(during[noticed]) - _time_s(before))
        recovery_s.append(_time_s(labelled) - _time_s(after[0]))
    note = f"found after {median(found_s):.1f} ≤ {max(found_s):.1f} s" if found_s else ""
    return Outcome(NAME, len(spells), recovery_s=tuple(recovery_s), trouble=tuple(trouble), note=note)


def _plan(tries: int) -> list[Spell]:
    first, spells = round((SEEN_S + 1) * FPS), []
    for _ in range(tries):
        for kind, frames in SPOILT_FRAMES.items():
            spells.append(Spell(kind, first, first + frames))
            first += frames + GOOD_FRAMES
    return spells


def _watched(folder: Path, spells: list[Spell]) -> list[dict[str, Any]]:
    """What the agent said of each frame of such a camera that it judged."""
    options = [f"fps={FPS}", "size=64x64"]
    for kind in SPOILT_FRAMES:
        numbers = [number for spell in spells if spell.kind == kind for number in (spell.first, spell.end)]
        options.append(f"{kind}={','.join(map(str, numbers))}")
    duration_s = (spells[-1].end + 2 * GOOD_FRAMES) / FPS
    (folder / "agent.toml").write_text(f"[frame_quality]\nfrozen_after = {FROZEN_AFTER_S}\n")
    # The bars are of no colour in particular: at this confidence each picture gets a label, spoilt ones too.
    command = ("--camera", f"test://?{'&'.join(options)}", "--model", GOLDEN, "--min-confidence", 0.3)
    with EdgeAgent(folder, *command, "--duration", duration_s, "--stdout") as agent:
        agent.wait(duration_s + 60)
        return [record for record in agent.records if record["frame"] is not None]


def _time_s(record: dict[str, Any]) -> float:
    return datetime.fromisoformat(record["timestamp"]).timestamp()


FAULT = Fault(NAME, run, tries=20, short_tries=1)
