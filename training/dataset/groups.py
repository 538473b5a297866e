"""Which photographs must stay in one part: of one sub-folder, of one file-name pattern, or near duplicates.

Groups that share a photograph are one, also across classes. What an earlier run has dealt stays put, and a
new photograph follows the group it joins.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from training.dataset.scan import Part, Photograph
from training.errors import DataError


@dataclass(frozen=True, slots=True)
class Groups:
    """By content (sha256): named, the group of its folder or file name; alike, its near-duplicate cluster.

    pattern: the regular expression behind the names, None where they are sub-folders.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Labels for which folders, likeness or an earlier run are not heeded: too little would be left."""

    folders: frozenset[str] = frozenset()
    alike: frozenset[str] = frozenset()
    history: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unit:
    """Photographs that go to one part together. part: where they lie already, None where they are free."""

    key: str
    photographs: tuple[Photograph, ...]
    part: Part | None


@dataclass(frozen=True, slots=True)
class Bound:
    """All photographs as units; left_out are new ones that belong to groups in different parts."""

    units: tuple[Unit, ...]
    left_out: tuple[Photograph, ...]


def group(
    photographs: Sequence[Photograph], clusters: Iterable[Sequence[int]], pattern: str | None = None
) -> Groups:
    """Groups by sub-folder, or by `pattern` where given, and by clusters of near duplicates (indices).

    The pattern is searched for in a file's path below its class folder (`session3/img_7.jpg`); its first
    group, or the whole match, names the group. Raises DataError where it can't be used.
    """
    named = _by_folder(photographs) if pattern is None else _by_pattern(photographs, pattern)
    alike: dict[str, str] = {}
    for cluster in clusters:
        members = [photographs[index].sha256 for index in cluster]
        alike |= dict.fromkeys(members, min(members))
    return Groups(named, alike, pattern)


def _by_folder(photographs: Sequence[Photograph]) -> dict[str, str]:
    return {p.sha256: f"{p.label}/{p.folder}" for p in photographs if p.folder}


def _by_pattern(photographs: Sequence[Photograph], pattern: str) -> dict[str, str]:
    what, advice = f"can't group the photographs by {pattern!r}", r"try one like '^(\w+)_'"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(what, f"it is no regular expression: {error}", advice) from error
    named = {}
    for photograph in photographs:
        file = photograph.name.rpartition("/")[2] or photograph.path.name
        found = compiled.search(f"{photograph.folder}/{file}" if photograph.folder else file)
        if found:
            named[photograph.sha256] = (found.group(1) if compiled.groups else None) or found.group(0)
    if not named:
        raise DataError(what, "it matches no file name", advice)
    return named


def bind(
    photographs: Sequence[Photograph], groups: Groups, kept: Mapping[str, Part], ignored: Ignored
) -> Bound:
    """Join photographs that share a group, around those that an earlier run has put into a part."""
    ties = {p.sha256: _ties(p, groups, ignored) for p in photographs}
    part_of = {p.sha256: kept[p.sha256] for p in photographs if _is_known(p, kept, ignored)}
    known = [p for p in photographs if p.sha256 in part_of]
    new = sorted((p for p in photographs if p.sha256 not in part_of), key=lambda p: p.sha256)
    joined, torn = _Joined(), _torn(known, ties, part_of)
    for photograph in known:
        joined.join([tie for tie in ties[photograph.sha256] if tie not in torn], part_of[photograph.sha256])
    left_out = []
    for photograph in new:
        mine = ties[photograph.sha256]
        usable = [tie for tie in mine if tie not in torn]
        if any(tie in torn and tie.startswith("alike ") for tie in mine) or not joined.agree(usable):
            left_out.append(photograph)
        else:
            joined.join(usable, None)
    out = {photograph.sha256 for photograph in left_out}
    placed = [p for p in (*known, *new) if p.sha256 not in out]
    loose = {p.sha256: [tie for tie in ties[p.sha256] if tie not in torn] for p in placed}
    return Bound(_units(placed, loose, joined), tuple(left_out))


def _is_known(photograph: Photograph, kept: Mapping[str, Part], ignored: Ignored) -> bool:
    return photograph.sha256 in kept and photograph.label not in ignored.history


def _ties(photograph: Photograph, groups: Groups, ignored: Ignored) -> list[str]:
    """The names of what a photograph belongs to; the last is itself."""
    ties, content = [], photograph.sha256
    if content in groups.named and photograph.label not in ignored.folders:
        ties.append(f"named {groups.named[content]}")
    if content in groups.alike and photograph.label not in ignored.alike:
        ties.append(f"alike {groups.alike[content]}")
    return [*ties, f"photo {content}"]


def _torn(
    known: Iterable[Photograph], ties: Mapping[str, Sequence[str]], part_of: Mapping[str, Part]
) -> set[str]:
    """Groups whose old members an earlier run has put into different parts: they bind nobody any more."""
    parts: dict[str, set[Part]] = defaultdict(set)
    for photograph in known:
        for tie in ties[photograph.sha256]:
            parts[tie].add(part_of[photograph.sha256])
    return {tie for tie, lies_in in parts.items() if len(lies_in) > 1}


class _Joined:
    """Sets of ties that belong together (union-find), each with the part it lies in, if any."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._part: dict[str, Part] = {}

    def find(self, tie: str) -> str:
        root = tie
        while self._parent.setdefault(root, root) != root:
            root = self._parent[root]
        while tie != root:
            self._parent[tie], tie = root, self._parent[tie]
        return root

    def part(self, tie: str) -> Part | None:
        return self._part.get(self.find(tie))

    def agree(self, ties: Sequence[str]) -> bool:
        return len({self.part(tie) for tie in ties} - {None}) <= 1

    def join(self, ties: Sequence[str], part: Part | None) -> None:
        parts = [part, *map(self.part, ties)]
        root = self.find(ties[0])
        for tie in ties[1:]:
            self._parent[self.find(tie)] = root
        settled = next((each for each in parts if each is not None), None)
        if settled is not None:
            self._part[root] = settled


def _units(
    photographs: Sequence[Photograph], ties: Mapping[str, Sequence[str]], joined: _Joined
) -> tuple[Unit, ...]:
    members: dict[str, list[Photograph]] = defaultdict(list)
    for photograph in photographs:
        members[joined.find(ties[photograph.sha256][0])].append(photograph)
    units = [
        Unit(_key(inside, ties), tuple(sorted(inside, key=lambda p: p.sha256)), joined.part(root))
        for root, inside in members.items()
    ]
    return tuple(sorted(units, key=lambda unit: unit.key))


def _key(members: Iterable[Photograph], ties: Mapping[str, Sequence[str]]) -> str:
    """A name that stays when members come: the first folder or match, else the smallest content hash."""
    names = [tie for member in members for tie in ties[member.sha256] if tie.startswith("named ")]
    return min(names) if names else min(member.sha256 for member in members)
