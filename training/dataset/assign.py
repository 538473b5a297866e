"""Units of photographs → parts: by hash, so that adding one moves no other, near to the wanted shares.

Each unit's own hash decides against the shares. Only where that leaves a class without a part, or with a
part more than a third off, are free units moved, those first whose hash was nearest to deciding so anyway.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from training.dataset.groups import Unit
from training.dataset.scan import PARTS, Part

TOLERANCE = 1 / 3
MISSING = 1000
LEAST_TRAIN_SHARE = 0.4


@dataclass(slots=True)
class Table:
    """Who lies where: part of each unit by its index, and photographs counted by label and part."""

    parts: list[Part]
    counts: dict[str, Counter[Part]] = field(default_factory=dict)

    def put(self, index: int, sizes: Mapping[str, int], part: Part) -> None:
        """Move a unit of these sizes (photographs by label) to a part."""
        for label, size in sizes.items():
            self.counts[label][self.parts[index]] -= size
            self.counts[label][part] += size
        self.parts[index] = part


@dataclass(frozen=True, slots=True)
class _Band:
    low: int
    high: int

    def off(self, count: int) -> int:
        missing = MISSING if count == 0 and self.low > 0 else 0
        return missing + max(0, self.low - count) + max(0, count - self.high)


def deal(units: Sequence[Unit], shares: Mapping[Part, float], seed: int) -> dict[Part, list[Unit]]:
    """Put each unit into a part; `shares` names the parts to cut, the rest is train.

    Every class gets all parts where its units allow it: check with `lacking`.
    """
    draws = [_draw(unit.key, seed) for unit in units]
    sizes = [Counter(p.label for p in unit.photographs) for unit in units]
    table = Table([unit.part or _by_share(draw, shares) for unit, draw in zip(units, draws, strict=True)])
    by_label: dict[str, list[int]] = {}
    for index in sorted(range(len(units)), key=lambda i: draws[i]):
        for label, size in sizes[index].items():
            table.counts.setdefault(label, Counter())[table.parts[index]] += size
            by_label.setdefault(label, []).append(index)
    bands = {label: _bands(counts.total(), shares) for label, counts in table.counts.items()}
    for label in sorted(by_label):
        free = [index for index in by_label[label] if units[index].part is None]
        for part in (*shares, "train"):
            _repair(table, label, part, free, sizes, bands)
    return {
        part: [unit for unit, lies in zip(units, table.parts, strict=True) if lies == part] for part in PARTS
    }


def lacking(dealt: Mapping[Part, Iterable[Unit]], labels: Iterable[str], parts: Iterable[Part]) -> list[str]:
    """The labels that have no photograph in one of these parts."""
    there = {
        part: {photograph.label for unit in dealt[part] for photograph in unit.photographs} for part in parts
    }
    return [label for label in labels if any(label not in found for found in there.values())]


def _draw(key: str, seed: int) -> float:
    """A number in 0 to 1 that only the seed and the unit's name decide."""
    return int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:8], "big") / 2**64


def _by_share(draw: float, shares: Mapping[Part, float]) -> Part:
    edge = 0.0
    for part, share in shares.items():
        edge += share
        if draw < edge:
            return part
    return "train"


def _bands(count: int, shares: Mapping[Part, float]) -> dict[Part, _Band]:
    bands: dict[Part, _Band] = {"train": _Band(max(1, int(count * LEAST_TRAIN_SHARE)), count)}
    for part, share in shares.items():
        low = max(1, math.ceil(count * share * (1 - TOLERANCE)))
        bands[part] = _Band(low, max(low, math.floor(count * share * (1 + TOLERANCE))))
    return bands


def _repair(
    table: Table,
    label: str,
    part: Part,
    free: Sequence[int],
    sizes: Sequence[Mapping[str, int]],
    bands: Mapping[str, Mapping[Part, _Band]],
) -> None:
    """Move free units until the label's count in this part is in its band, or nothing more helps."""
    for _ in free:
        count, band = table.counts[label][part], bands[label][part]
        if band.off(count) == 0:
            return
        fills = count < band.low
        order = free if fills else reversed(free)
        moves = [
            (index, part if fills else "train")
            for index in order
            if (table.parts[index] != part) == fills and (fills or part != "train")
        ]
        gains = [_gain(table, index, sizes[index], to, bands) for index, to in moves]
        if not gains or max(gains) <= 0:
            return
        index, to = moves[gains.index(max(gains))]
        table.put(index, sizes[index], to)


def _gain(
    table: Table, index: int, sizes: Mapping[str, int], to: Part, bands: Mapping[str, Mapping[Part, _Band]]
) -> int:
    """By how many photographs a move brings all its labels nearer to their bands."""
    gain, source = 0, table.parts[index]
    for label, size in sizes.items():
        counts, band = table.counts[label], bands[label]
        before = band[source].off(counts[source]) + band[to].off(counts[to])
        after = band[source].off(counts[source] - size) + band[to].off(counts[to] + size)
        gain += before - after
    return gain
