"""The run folders: `runs/<name>/` holds one training, `runs/latest` points to the last shippable one.

A run appears whole or not at all: training works in a hidden folder beside it and renames that at the end.
An interrupted fine-tuning leaves that folder for `--resume`; the newest three are kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.model.model_file import describe_first_error, write_atomically
from training.dataset.scan import PARTS, Part
from training.dataset.split import Split, SplitRule
from training.errors import RunError

CONFIG, SPLIT, FEATURES = "config.json", "split.json", "features.npz"
TRAINING, WEIGHTS, HEAD = "training.json", "weights.npz", "head.npz"
CHECKPOINT = "checkpoint.npz"
EVALUATION, SCORES, FLOAT_NETWORK = "evaluation.json", "scores.npz", "float.tflite"
COMPARISON, INT8_SCORES, MODEL = "comparison.json", "scores_int8.npz", "model.tflite"
LATEST = "latest"
PARTIAL, MOST_UNFINISHED = ".partial", 3
ADVICE = "train one with `edge-train train PHOTOS`"
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Model = TypeVar("Model", bound=BaseModel)


class Record(BaseModel):
    """The base of what is kept as JSON: frozen; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder; stages read from it and write one more file there."""

    folder: Path
    name: str

    def path(self, file: str) -> Path:
        """Where one of its files is, or would be."""
        return self.folder / file

    def write(self, file: str, data: bytes) -> None:
        """Write a file whole or not at all; raises OSError."""
        write_atomically(self.path(file), data)

    def write_record(self, file: str, record: BaseModel) -> None:
        """Write a record as JSON."""
        self.write(file, record.model_dump_json(indent=1, by_alias=True).encode() + b"\n")

    def read(self, file: str) -> bytes:
        """A file's content; raises RunError that says which stage writes it."""
        try:
            return self.path(file).read_bytes()
        except OSError as error:
            raise RunError(f"can't use the run {self.name}", f"{file}: {error.strerror}", ADVICE) from error

    def read_record(self, file: str, kind: type[Model]) -> Model:
        """A record read and validated; raises RunError."""
        try:
            return kind.model_validate_json(self.read(file))
        except ValidationError as error:
            why = f"{file}: {describe_first_error(error)}"
            raise RunError(f"can't use the run {self.name}", why, ADVICE) from error


def new_name(backbone: str) -> str:
    """A run's default name: local time and backbone."""
    return f"{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S}-{backbone}"


@contextlib.contextmanager
def new_run(runs_dir: Path, name: str) -> Iterator[Run]:
    """A run to fill; it gets its name when the block ends well and is removed when it fails.

    Where it fails with a checkpoint in it, it stays hidden beside the others for `resumed_run`.
    """
    _check_name(runs_dir, name)
    working = runs_dir / f".{name}{PARTIAL}"
    if working.exists():
        why, advice = "it was interrupted", f"go on with --resume --name {name}, or take another --name"
        raise RunError(f"there is an unfinished run {name}", why, advice)
    working.mkdir(parents=True)
    yield from _filled(working, runs_dir / name, name)


@contextlib.contextmanager
def resumed_run(runs_dir: Path, name: str | None) -> Iterator[Run]:
    """The unfinished run of that name, or the newest one, to go on with; raises RunError."""
    unfinished = sorted(runs_dir.glob(f".*{PARTIAL}"), key=lambda path: path.stat().st_mtime)
    wanted = [path for path in unfinished if name is None or path.name == f".{name}{PARTIAL}"]
    if not wanted:
        known = ", ".join(_unfinished_name(path) for path in unfinished) or "none"
        raise RunError(f"there is no unfinished run {name or ''}".rstrip(), "", f"unfinished: {known}")
    found = _unfinished_name(wanted[-1])
    _check_name(runs_dir, found)
    yield from _filled(wanted[-1], runs_dir / found, found)


def _filled(working: Path, final: Path, name: str) -> Iterator[Run]:
    try:
        yield Run(working, name)
        (working / CHECKPOINT).unlink(missing_ok=True)
        working.rename(final)
    finally:
        if not (working / CHECKPOINT).is_file():
            shutil.rmtree(working, ignore_errors=True)
        _drop_oldest_unfinished(final.parent)


def _check_name(runs_dir: Path, name: str) -> None:
    if not NAME_PATTERN.fullmatch(name) or name == LATEST:
        advice = "use letters, digits, '.', '_' and '-', and not 'latest'"
        raise RunError(f"can't name a run {name!r}", "", advice)
    if (runs_dir / name).exists():
        raise RunError(f"there is a run {name} already", "runs are never overwritten", "take another --name")


def _unfinished_name(working: Path) -> str:
    return working.name.removeprefix(".").removesuffix(PARTIAL)


def _drop_oldest_unfinished(runs_dir: Path) -> None:
    unfinished = sorted(runs_dir.glob(f".*{PARTIAL}"), key=lambda path: path.stat().st_mtime)
    for working in unfinished[:-MOST_UNFINISHED]:
        shutil.rmtree(working, ignore_errors=True)


def find_run(runs_dir: Path, name: str | None) -> Run:
    """The run of that name, or the one trained last; raises RunError."""
    if name:
        if not (runs_dir / name / TRAINING).is_file():
            known = ", ".join(sorted(run.name for run in trained_runs(runs_dir))) or "none yet"
            raise RunError(f"there is no trained run {name} in {runs_dir}", "", f"there are: {known}")
        return Run(runs_dir / name, (runs_dir / name).resolve().name)
    trained = trained_runs(runs_dir)
    if not trained:
        raise RunError(f"there is no trained run in {runs_dir}", "", ADVICE)
    return max(trained, key=_trained_at)


def point_latest(run: Run) -> None:
    """Make `latest` beside the run point to it, in one step; raises RunError unless it has its model."""
    if not run.path(MODEL).is_file():
        raise RunError(f"the run {run.name} has no {MODEL}", "", "make it with `edge-train quantize`")
    folder = run.folder.resolve()
    link, temporary = folder.parent / LATEST, folder.parent / f".{LATEST}.{os.getpid()}.tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.name)
    temporary.replace(link)


def earlier_parts(runs_dir: Path, data: Path, rule: SplitRule) -> dict[str, Part]:
    """Who lay where (by sha256) in the newest run that divided the same folder by the same rule; or nothing.

    Another seed, share or pattern asks for another split. Runs that can't be read are passed over.
    """
    for run in sorted(trained_runs(runs_dir), key=_trained_at, reverse=True):
        with contextlib.suppress(LookupError, ValueError, AttributeError, TypeError):
            earlier = json.loads(run.read(CONFIG))
            if Path(earlier["data"]).resolve() == data.resolve() and all(
                earlier.get(key) == value for key, value in asdict(rule).items()
            ):
                divided = run.read_record(SPLIT, Split)
                return {item.sha256: part for part in PARTS for item in divided.part(part)}
    return {}


def trained_runs(runs_dir: Path) -> list[Run]:
    """All runs in a folder that were trained to their end, in no order."""
    if not runs_dir.is_dir():
        return []
    folders = [path for path in runs_dir.iterdir() if not path.is_symlink() and not path.name.startswith(".")]
    return [Run(path, path.name) for path in folders if (path / TRAINING).is_file()]


def _trained_at(run: Run) -> tuple[str, str]:
    with contextlib.suppress(ValueError, OSError):
        record: Any = json.loads(run.path(TRAINING).read_bytes())
        return str(record.get("created", "")), run.name
    return "", run.name
