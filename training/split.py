"""Second stage: photographs → train, val and test, by their content, so that adding one moves no other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training.errors import DataError
from training.scan import PARTS, Part, Photograph, Scan


class Item(BaseModel):
    """One photograph of the split: its file, its label and its content's hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    label: str
    sha256: str


class Split(BaseModel):
    """split.json: labels in the model's order, and each part in a fixed, shuffled order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    train: tuple[Item, ...]
    val: tuple[Item, ...]
    test: tuple[Item, ...]

    def part(self, name: Part) -> tuple[Item, ...]:
        """The items of one part."""
        items: tuple[Item, ...] = getattr(self, name)
        return items

    def targets(self, name: Part) -> list[int]:
        """The label numbers of one part, in its order."""
        return [self.labels.index(item.label) for item in self.part(name)]

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


def split(found: Scan, *, seed: int, val_share: float, test_share: float) -> Split:
    """Assign each photograph to a part, class by class; raises DataError where a class is too small.

    What the user has split already stays where it is; a missing val or test part is cut from train.
    """
    parts: dict[Part, list[Photograph]] = {part: [] for part in PARTS}
    given = {photograph.part for photograph in found.photographs}
    shares: dict[Part, float] = {}
    if "val" not in given:
        shares["val"] = val_share
    if "test" not in given:
        shares["test"] = test_share
    for label in found.labels:
        _deal(parts, label, [p for p in found.photographs if p.label == label], shares, seed)
    ordered = {part: _shuffled(photographs, seed) for part, photographs in parts.items()}
    return Split(labels=found.labels, **{part: tuple(map(_item, ordered[part])) for part in PARTS})


def _deal(
    parts: dict[Part, list[Photograph]],
    label: str,
    photographs: Sequence[Photograph],
    shares: dict[Part, float],
    seed: int,
) -> None:
    """Put one class's photographs into the parts; every part to cut gets at least one."""
    for part in PARTS[1:]:
        parts[part] += [photograph for photograph in photographs if photograph.part == part]
    rest = _shuffled([photograph for photograph in photographs if photograph.part in (None, "train")], seed)
    if len(rest) <= len(shares):
        why = f"the class {label!r} has {len(rest)} photographs"
        raise DataError("can't split the photographs", why, f"give it {len(shares) + 1} at least, better 50")
    counts = {part: max(1, round(len(rest) * share)) for part, share in shares.items()}
    for part, count in counts.items():
        parts[part] += rest[:count]
        rest = rest[count:]
    parts["train"] += rest


def _shuffled(photographs: Sequence[Photograph], seed: int) -> list[Photograph]:
    """A fixed order by content and seed: the same on every machine and under every file name."""
    return sorted(photographs, key=lambda p: hashlib.sha256(f"{seed} {p.sha256}".encode()).digest())


def _item(photograph: Photograph) -> Item:
    return Item(path=photograph.path, label=photograph.label, sha256=photograph.sha256)
