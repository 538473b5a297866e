"""First stage: folders of photographs → a checked list. Reads every file once; changes nothing.

Two layouts: `photos/<class>/…`, or `photos/train/<class>/…` beside `val` (valid, validation) and `test`
where the user has split already. There `other/` holds things of none of the classes: not trained on, only
used to measure what the model refuses.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import ImageError
from edge.preprocess import IMAGE_SUFFIXES, decode
from training.dataset.image_stats import Facts, measure
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
OTHER_FOLDER = "other"
MAX_LABEL_LENGTH = 200
Skipped = Literal["unreadable", "empty_file", "exact_duplicate", "across_parts", "across_classes"]


@dataclass(frozen=True, slots=True)
class Photograph:
    """One readable picture.

    part: where the user has put it, None where the split is ours to make. name: its path below the scanned
    folder, as the user wrote it. folder: the part of that between class folder and file, "" for none.
    """

    path: Path
    label: str
    sha256: str
    part: Part | None
    name: str = ""
    folder: str = ""
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is left out, and why; `name` is its path below the scanned folder."""

    path: Path
    why: str
    kind: Skipped = "unreadable"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found: labels in the model's order (sorted), photographs, files left out, notices.

    other: things of none of the classes, with an empty label.
    """

    labels: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]
    other: tuple[Photograph, ...] = ()


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    label: str
    part: Part | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    label: str
    part: Part | None
    name: str
    folder: str


def scan(root: Path, reporter: Reporter) -> Scan:
    """List and verify all photographs below `root`; raises DataError where they can't be trained on."""
    _refuse_no_folder(root)
    folders, other, notices = _class_folders(root)
    labels = _checked_labels(root, folders)
    photographs, findings = _read(root, folders, reporter)
    _refuse_empty_classes(root, labels, photographs, findings)
    strangers, more = _read(root, other, reporter) if other else ([], [])
    known = {photograph.sha256 for photograph in photographs}
    more += [
        Finding(p.path, "it is in a class as well", "exact_duplicate", p.name)
        for p in strangers
        if p.sha256 in known
    ]
    found = sorted((*findings, *more), key=lambda finding: finding.path)
    unknown = tuple(stranger for stranger in strangers if stranger.sha256 not in known)
    return Scan(labels, tuple(photographs), tuple(found), tuple(notices), unknown)


def scan_other(folder: Path, reporter: Reporter) -> tuple[tuple[Photograph, ...], tuple[Finding, ...]]:
    """The photographs of a folder of things of none of the classes, at any depth, and what was left out.

    Raises DataError where there is no such folder or no photograph in it.
    """
    _refuse_no_folder(folder)
    photographs, findings = _read(folder, [_Folder(folder, "", None)], reporter)
    if not photographs:
        raise DataError(f"can't use {folder}", "it has no readable photograph", "add some, or leave it out")
    return tuple(photographs), tuple(findings)


def _refuse_no_folder(root: Path) -> None:
    if not root.is_dir():
        why = "there is no such folder" if not root.exists() else "it is not a folder"
        raise DataError(f"can't read the photographs in {root}", why, "give a folder of class folders")


def _class_folders(root: Path) -> tuple[list[_Folder], list[_Folder], list[str]]:
    """The class folders in order, those of other things, and notices about folders not looked at."""
    folders = _subfolders(root)
    # A class may be called "train": only one with folders inside stands for a split.
    if not any(PART_FOLDERS.get(path.name.lower()) == "train" and _subfolders(path) for path in folders):
        return [_Folder(path, _label(path), None) for path in folders], [], []
    found, other, ignored = [], [], []
    for folder in folders:
        part = PART_FOLDERS.get(folder.name.lower())
        if part is not None:
            found += [_Folder(path, _label(path), part) for path in _subfolders(folder)]
        elif folder.name.lower() == OTHER_FOLDER:
            other.append(_Folder(folder, "", None))
        else:
            ignored.append(folder.name)
    notices = [f"ignored beside train/: {', '.join(ignored)}"] if ignored else []
    return found, other, notices


def _label(folder: Path) -> str:
    """A folder's name, composed: two systems spell one accented letter with other code points."""
    return unicodedata.normalize("NFC", folder.name)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _checked_labels(root: Path, folders: list[_Folder]) -> tuple[str, ...]:
    labels = sorted({folder.label for folder in folders if folder.part in (None, "train")})
    if len(labels) < 2:
        why = f"it has {len(labels)} class folders, and telling things apart takes two"
        raise DataError(f"can't train on {root}", why, "make one folder a class, with photographs in each")
    for label in labels:
        if not label.isprintable() or label != label.strip() or len(label) > MAX_LABEL_LENGTH:
            why = "folder names become labels: no control characters, no outer spaces, 200 at most"
            raise DataError(f"can't use the class {label!r}", why, "rename the folder")
    strange = sorted({folder.label for folder in folders} - set(labels))
    if strange:
        raise DataError(
            f"can't train on {root}", f"class {strange[0]!r} is not in train/", "add or remove it"
        )
    return tuple(labels)


def _read(root: Path, folders: list[_Folder], reporter: Reporter) -> tuple[list[Photograph], list[Finding]]:
    """All distinct photographs of these folders, and the files that are left out."""
    candidates = [candidate for folder in folders for candidate in _candidates(root, folder)]
    with reporter.steps("reading photographs", len(candidates)) as step:
        outcomes = spread(range(core_count()), candidates, lambda _, item: _verify(item), step)
    readable = [outcome for outcome in outcomes if isinstance(outcome, Photograph)]
    photographs, repeated = _without_repeats(readable)
    return photographs, [*(outcome for outcome in outcomes if isinstance(outcome, Finding)), *repeated]


def _candidates(root: Path, folder: _Folder) -> list[_Candidate]:
    """All pictures at any depth below a class folder, hidden ones left out."""
    found = []
    for path in sorted(folder.path.rglob("*")):
        inner = path.relative_to(folder.path)
        if path.suffix.lower() not in IMAGE_SUFFIXES or any(part.startswith(".") for part in inner.parts):
            continue
        if path.is_file():
            where = "" if inner.parent == Path() else inner.parent.as_posix()
            name = path.relative_to(root).as_posix()
            found.append(_Candidate(path, folder.label, folder.part, name, where))
    return found


def _verify(candidate: _Candidate) -> Photograph | Finding:
    path, name = candidate.path, candidate.name
    if not _is_text(name):
        why = "its name is not valid UTF-8; rename it"
        return Finding(path, why, "unreadable", name.encode(errors="replace").decode())
    try:
        data = path.read_bytes()
        facts = measure(decode(data, path.name), data)
    except ImageError as error:
        kind: Skipped = "unreadable" if data else "empty_file"
        return Finding(path, error.why, kind, name)
    except OSError as error:
        return Finding(path, error.strerror or str(error), "unreadable", name)
    digest = hashlib.sha256(data).hexdigest()
    return Photograph(path.resolve(), candidate.label, digest, candidate.part, name, candidate.folder, facts)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


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
            why = f"the same picture is in {names}"
            findings += [Finding(p.path, why, "across_classes", p.name) for p in group]
            continue
        best = max(group, key=lambda photograph: PARTS.index(photograph.part or "train"))
        kept.append(best)
        findings += [_copy(p, best) for p in group if p is not best]
    return kept, findings


def _copy(photograph: Photograph, best: Photograph) -> Finding:
    kind: Skipped = "exact_duplicate" if photograph.part == best.part else "across_parts"
    return Finding(photograph.path, f"a copy of {best.path.name}", kind, photograph.name)


def _refuse_empty_classes(
    root: Path, labels: tuple[str, ...], photographs: list[Photograph], findings: list[Finding]
) -> None:
    filled = {photograph.label for photograph in photographs if photograph.part in (None, "train")}
    empty = [label for label in labels if label not in filled]
    if not empty:
        return
    reasons = Counter(finding.kind for finding in findings if empty[0] in Path(finding.name).parts)
    why = f"the class {empty[0]!r} has no readable photograph"
    advice = "add photographs (JPEG, PNG, BMP, WebP), or remove it"
    if reasons["across_classes"]:
        why = f"all photographs of the class {empty[0]!r} are in another class as well"
        advice = "leave each in the class it belongs to"
    elif reasons["across_parts"]:
        why = f"all photographs of the class {empty[0]!r} in train/ are in another part as well"
    raise DataError(f"can't train on {root}", why, advice)
