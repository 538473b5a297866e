"""What other machines reached: one file a board in `reference/`, as `edge-agent bench --json` prints it."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from edge.commands.bench.figures import BenchedModel


class _ReferencePart(BaseModel):
    """What of a record is needed; all else is for people."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Machine(_ReferencePart):
    name: str


class _Model(_ReferencePart):
    name: str
    sha256: str
    backbone: str | None
    precision: str | None
    width: int
    height: int


class _Stage(_ReferencePart):
    stage: str
    p50_ms: float


class _StageTiming(_ReferencePart):
    stages: tuple[_Stage, ...]


class _Bench(_ReferencePart):
    date: str
    machine: _Machine
    model: _Model
    threads: int
    stage_timing: _StageTiming


@dataclass(frozen=True, slots=True)
class Reference:
    """A board's result with a model; inference is the median."""

    board: str
    date: str
    model: BenchedModel
    threads: int
    inference_ms: float


def load_references() -> tuple[Reference, ...]:
    """All that are kept, by file name."""
    folder = importlib.resources.files(__package__) / "reference"
    files = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".json")}
    contents = (files[name].read_bytes() for name in sorted(files))
    return tuple(
        read_reference(record) for record in contents if record
    )  # the shell makes an empty one first


def read_reference(record: bytes) -> Reference:
    """The reference that a record of `edge-agent bench --json` is; raises ValueError."""
    found = _Bench.model_validate_json(record)
    inference_ms = [each.p50_ms for each in found.stage_timing.stages if each.stage == "inference"]
    if len(inference_ms) != 1:
        raise ValueError("it has no time of inference")
    model = BenchedModel(**found.model.model_dump())
    return Reference(found.machine.name, found.date, model, found.threads, inference_ms[0])


def compare(model: BenchedModel, inference_ms: float, kept: Sequence[Reference]) -> str:
    """How this machine's inference compares with the boards that ran the same network, in a sentence."""
    same = [each for each in kept if _is_same(model, each.model)]
    if not same:
        known = ", ".join(sorted({each.model.shown for each in kept}))
        return f"there are no reference results for this model, only for: {known}"
    return "; ".join(f"inference {_compare_with(inference_ms, each)}" for each in same)


def _compare_with(inference_ms: float, reference: Reference) -> str:
    ratio = reference.inference_ms / inference_ms
    how = "is as fast as"
    if ratio > 1.05:
        how = f"is {ratio:.2g} times as fast as"
    elif ratio < 0.95:
        how = f"takes {1 / ratio:.2g} times as long as"
    threads = f"{reference.threads} thread{'s' if reference.threads > 1 else ''}"
    return f"{how} on {reference.board} with {threads} (reference of {reference.date})"


def _is_same(one: BenchedModel, other: BenchedModel) -> bool:
    """The same file, or the same backbone in the same precision and size: weights do not count."""
    if one.sha256 == other.sha256:
        return True
    facts = (one.backbone, one.precision, one.width, one.height)
    return None not in facts and facts == (other.backbone, other.precision, other.width, other.height)
