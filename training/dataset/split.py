"""Second stage: photographs → train, val and test, so that adding one moves no other.

The part follows from the seed and a photograph's content, or its group's name (`assign`). What an
earlier run on the same folder has dealt stays, and what belongs together (`groups`) shares a part.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training.dataset.assign import deal, lacking
from training.dataset.groups import Bound, Groups, Ignored, Unit, bind
from training.dataset.scan import PARTS, Part, Photograph, Scan
from training.errors import DataError

MOST_NAMED = 5


class Item(BaseModel):
    """One photograph of the split: its file, its label, its content's hash, and its group if it has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    label: str
    sha256: str
    group: str | None = None


class Split(BaseModel):
    """split.json: labels in the model's order, and each part in a fixed, shuffled order.

    left_out: new photographs whose groups lie in different parts. notices: what could not be kept together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    train: tuple[Item, ...]
    val: tuple[Item, ...]
    test: tuple[Item, ...]
    left_out: tuple[Item, ...] = ()
    notices: tuple[str, ...] = ()

    def part(self, name: Part) -> tuple[Item, ...]:
        """The items of one part."""
        items: tuple[Item, ...] = getattr(self, name)
        return items

    def targets(self, name: Part) -> list[int]:
        """The label numbers of one part, in its order."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        return [numbers[item.label] for item in self.part(name)]

    def counts(self, name: Part) -> dict[str, int]:
        """How many photographs each label has in one part."""
        found = Counter(item.label for item in self.part(name))
        return {label: found[label] for label in self.labels}

    def fingerprint(self) -> str:
        """A sha256 over labels, contents and parts: equal exactly where the data and the split are."""
        lines = [
            f"{part} {item.label} {item.sha256}"
            for part in PARTS
            for item in sorted(self.part(part), key=lambda i: i.sha256)
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SplitRule:
    """What decides which photographs lie in which part; another rule asks for another split."""

    seed: int
    val_share: float
    test_share: float
    group_by: str | None = None


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be divided, into which parts, and what binds it."""

    photographs: Sequence[Photograph]
    labels: Sequence[str]
    shares: Mapping[Part, float]
    seed: int
    groups: Groups
    kept: Mapping[str, Part]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Train, and those that are cut from it."""
        return ("train", *self.shares)


@dataclass(frozen=True, slots=True)
class _Dealt:
    parts: Mapping[Part, Sequence[Unit]] = field(default_factory=dict)
    left_out: tuple[Photograph, ...] = ()
    ignored: Ignored = field(default_factory=Ignored)


def split(
    found: Scan,
    *,
    seed: int,
    val_share: float,
    test_share: float,
    groups: Groups | None = None,
    kept: Mapping[str, Part] | None = None,
) -> Split:
    """Assign each photograph to a part, class by class; raises DataError where a class is too small.

    What the user has split already stays where it is; a missing val or test part is cut from train, and
    then each class has one photograph at least in every part that is cut. kept: the parts, by sha256, that
    an earlier run has dealt.
    """
    given = {photograph.part for photograph in found.photographs}
    wanted: dict[Part, float] = {"test": test_share, "val": val_share}
    shares = {part: share for part, share in wanted.items() if part not in given}
    loose = [photograph for photograph in found.photographs if photograph.part in (None, "train")]
    known = {content: part for content, part in (kept or {}).items() if part in ("train", *shares)}
    task = _Task(loose, found.labels, shares, seed, groups or Groups(), known)
    _refuse_small_classes(found, task)
    dealt = _dealt(task)
    items = {
        part: [_item(p) for p in found.photographs if p.part == part and part != "train"]
        + [_item(photograph, unit) for unit in dealt.parts[part] for photograph in unit.photographs]
        for part in PARTS
    }
    return Split(
        labels=found.labels,
        **{part: _shuffled(items[part], seed) for part in PARTS},
        left_out=_shuffled([_item(photograph) for photograph in dealt.left_out], seed),
        notices=_notices(dealt.ignored),
    )


def _refuse_small_classes(found: Scan, task: _Task) -> None:
    counts, needed = Counter(photograph.label for photograph in task.photographs), len(task.parts)
    for label in task.labels:
        if counts[label] >= needed:
            continue
        copies = sum(f.kind == "exact_duplicate" and label in Path(f.name).parts for f in found.findings)
        why = f"the class {label!r} has {counts[label]} photograph{'s' * (counts[label] != 1)}"
        why += f" ({copies} more are copies)" if copies else ""
        raise DataError("can't split the photographs", why, f"give it {needed} at least, better 50")


def _dealt(task: _Task) -> _Dealt:
    """Units in parts; for a class that can't fill every part so, ever fewer ties are heeded."""
    ignored = Ignored()
    while True:
        bound = bind(task.photographs, task.groups, task.kept, ignored)
        parts = deal(bound.units, task.shares, task.seed)
        short = lacking(parts, task.labels, task.parts)
        if not short:
            return _Dealt(parts, bound.left_out, ignored)
        for label in short:
            ignored = _heeding_less(label, task, ignored, bound)


def _heeding_less(label: str, task: _Task, ignored: Ignored, bound: Bound) -> Ignored:
    """One tie fewer for this label: first its history, then its folders, then likeness; raises DataError."""
    contents = {photograph.sha256 for photograph in task.photographs if photograph.label == label}
    if label not in ignored.history and contents & task.kept.keys():
        return replace(ignored, history=ignored.history | {label})
    if label not in ignored.folders and contents & task.groups.named.keys():
        if task.groups.pattern is not None:
            raise _too_few_groups(label, task, bound)
        return replace(ignored, folders=ignored.folders | {label})
    if label not in ignored.alike and contents & task.groups.alike.keys():
        return replace(ignored, alike=ignored.alike | {label})
    raise DataError(
        "can't split the photographs",
        f"those of the class {label!r} can't be spread over {', '.join(task.parts)}",
        "give it more photographs, or sort them into train/, val/ and test/ yourself",
    )


def _too_few_groups(label: str, task: _Task, bound: Bound) -> DataError:
    count = sum(any(p.label == label for p in unit.photographs) for unit in bound.units)
    why = f"the class {label!r} falls into {count} group{'s' * (count != 1)}"
    advice = f"it takes {len(task.parts)} at least, for {', '.join(task.parts)}: use a finer pattern"
    return DataError(f"can't split by --group-by {task.groups.pattern}", why, advice)


def _notices(ignored: Ignored) -> tuple[str, ...]:
    told = (
        (ignored.history, "an earlier run's parts can't all be kept, since one of them would have nothing"),
        (ignored.folders, "too few sub-folders to fill every part, so split photograph by photograph"),
        (ignored.alike, "nearly all are alike, so near duplicates lie in several parts: the figures flatter"),
    )
    return tuple(f"{_named(labels)}: {text}" for labels, text in told if labels)


def _named(labels: frozenset[str]) -> str:
    names = sorted(labels)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"class {', '.join(names[:MOST_NAMED])}{more}"


def _item(photograph: Photograph, unit: Unit | None = None) -> Item:
    shared = unit is not None and (len(unit.photographs) > 1 or unit.key != photograph.sha256)
    group = unit.key if unit is not None and shared else None
    return Item(path=photograph.path, label=photograph.label, sha256=photograph.sha256, group=group)


def _shuffled(items: Sequence[Item], seed: int) -> tuple[Item, ...]:
    """A fixed order by content and seed: the same on every machine and under every file name."""
    return tuple(sorted(items, key=lambda i: hashlib.sha256(f"{seed} {i.sha256}".encode()).digest()))
