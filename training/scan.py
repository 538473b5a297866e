"""First stage: folders of photographs → a checked list. Reads every file once; changes nothing.

Two layouts: `photos/<class>/…`, or `photos/train/<class>/…` beside `val` (valid, validation) and `test`
where the user has split already.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import ImageError
from edge.preprocess import IMAGE_SUFFIXES, decode
from training.errors import DataError
from training.parallel import core_count, spread
from training.progress import Reporter

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
PART_FOLDERS: dict[str, Part] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
MAX_LABEL_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Photograph:
    """One readable picture. part: where the user has put it, None where the split is ours to make."""

    path: Path
    label: str
    sha256: str
    part: Part | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is left out, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found: labels in the model's order (sorted), photographs, files left out, notices."""

    labels: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    label: str
    part: Part | None


def scan(root: Path, reporter: Reporter) -> Scan:
    """List and verify all photographs below `root`; raises DataError where they can't be trained on."""
    if not root.is_dir():
        why = "there is no such folder" if not root.exists() else "it is not a folder"
        raise DataError(f"can't read the photographs in {root}", why, "give a folder of class folders")
    folders, notices = _class_folders(root)
    labels = _checked_labels(root, folders)
    candidates = [candidate for folder in folders for candidate in _candidates(folder)]
    with reporter.steps("reading photographs", len(candidates)) as step:
        outcomes = spread(range(core_count()), candidates, lambda _, item: _verify(item), step)
    readable = [outcome for outcome in outcomes if isinstance(outcome, Photograph)]
    broken = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
    photographs, repeated = _without_repeats(readable)
    _refuse_empty_classes(root, labels, photographs)
    findings = sorted((*broken, *repeated), key=lambda finding: finding.path)
    return Scan(labels, tuple(photographs), tuple(findings), tuple(notices))


@dataclass(frozen=True, slots=True)
class _ClassFolder:
    path: Path
    part: Part | None


def _class_folders(root: Path) -> tuple[list[_ClassFolder], list[str]]:
    """The class folders in order, and notices about folders that are not looked at."""
    folders = _subfolders(root)
    # A class may be called "train": only one with folders inside stands for a split.
    if not any(PART_FOLDERS.get(path.name.lower()) == "train" and _subfolders(path) for path in folders):
        return [_ClassFolder(path, None) for path in folders], []
    found, ignored = [], []
    for folder in folders:
        part = PART_FOLDERS.get(folder.name.lower())
        if part is None:
            ignored.append(folder.name)
        else:
            found += [_ClassFolder(path, part) for path in _subfolders(folder)]
    notices = [f"ignored beside train/: {', '.join(ignored)}"] if ignored else []
    return found, notices


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _checked_labels(root: Path, folders: list[_ClassFolder]) -> tuple[str, ...]:
    labels = sorted({folder.path.name for folder in folders if folder.part in (None, "train")})
    if len(labels) < 2:
        why = f"it has {len(labels)} class folders, and telling things apart takes two"
        raise DataError(f"can't train on {root}", why, "make one folder a class, with photographs in each")
    for label in labels:
        if not label.isprintable() or label != label.strip() or len(label) > MAX_LABEL_LENGTH:
            why = "folder names become labels: no control characters, no outer spaces, 200 at most"
            raise DataError(f"can't use the class {label!r}", why, "rename the folder")
    strange = sorted({folder.path.name for folder in folders} - set(labels))
    if strange:
        raise DataError(
            f"can't train on {root}", f"class {strange[0]!r} is not in train/", "add or remove it"
        )
    return tuple(labels)


def _candidates(folder: _ClassFolder) -> list[_Candidate]:
    """All pictures at any depth below a class folder, hidden ones left out."""
    files = (path for path in sorted(folder.path.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES)
    return [
        _Candidate(path, folder.path.name, folder.part)
        for path in files
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder.path).parts)
    ]


def _verify(candidate: _Candidate) -> Photograph | Finding:
    try:
        data = candidate.path.read_bytes()
        decode(data, candidate.path.name)
    except ImageError as error:
        return Finding(candidate.path, error.why)
    except OSError as error:
        return Finding(candidate.path, error.strerror or str(error))
    digest = hashlib.sha256(data).hexdigest()
    return Photograph(candidate.path.resolve(), candidate.label, digest, candidate.part)


def _without_repeats(photographs: Iterable[Photograph]) -> tuple[list[Photograph], list[Finding]]:
    """Each content once: the same picture in two parts would make the test part a lie.

    Of copies in one class the most held-out is kept; a picture in two classes is left out altogether.
    """
    copies: dict[str, list[Photograph]] = defaultdict(list)
    for photograph in photographs:
        copies[photograph.sha256].append(photograph)
    kept, findings = [], []
    for group in copies.values():
        if len({photograph.label for photograph in group}) > 1:
            names = " and ".join(sorted({photograph.label for photograph in group}))
            findings += [Finding(photograph.path, f"the same picture is in {names}") for photograph in group]
            continue
        best = max(group, key=lambda photograph: PARTS.index(photograph.part or "train"))
        kept.append(best)
        findings += [Finding(p.path, f"a copy of {best.path.name}") for p in group if p is not best]
    return kept, findings


def _refuse_empty_classes(root: Path, labels: tuple[str, ...], photographs: list[Photograph]) -> None:
    filled = {photograph.label for photograph in photographs if photograph.part in (None, "train")}
    empty = [label for label in labels if label not in filled]
    if empty:
        why = f"the class {empty[0]!r} has no readable photograph"
        raise DataError(f"can't train on {root}", why, "add photographs (JPEG, PNG, BMP, WebP), or remove it")
