"""Near duplicates: pictures that show the same thing in the same moment, found by hash, proven by thumbnail.

A perceptual hash alone takes pictures of one kind (solar cells, trays under a fixed camera) for copies of
each other. So each candidate must also correlate in brightness, five times closer than pictures of this set
do anyway, and agree in tint; `image_stats` has the measures, LOG.md how the limits were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset.image_stats import Facts
from training.parallel import core_count, spread
from training.progress import Reporter, Silent

MAX_DISTANCE, MAX_TINT = 10, 10.0
LEAST_LIKENESS, MOST_LIKENESS = 0.85, 0.99
CLOSER, ORDINARY_QUANTILE, SAMPLED_PAIRS = 0.2, 90, 5_000
TIGHTER = (0.95, 0.97, 0.98, 0.985, 0.99, 0.9925, 0.995)
LARGEST_SHARE, SMALL_CLUSTER = 0.1, 20
MOST_PARTNERS, NEIGHBOURHOOD = 16, 1000
CELLS_AT_ONCE = 250_000  # what stays in a processor's cache
PAIRS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of pictures, first < second: int64 (n,) each, and their likeness, float32 (n,), at most 1."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    likeness: NDArray[np.float32]


def find_pairs(facts: Sequence[Facts], reporter: Reporter | None = None) -> Pairs:
    """All pairs within MAX_DISTANCE bits whose thumbnails correlate by `likeness_limit` at least.

    Flat pictures resemble nothing. A picture with more than 16 candidates is compared to the 16 that come
    next, so a long film of one scene hangs together without comparing all its frames.
    """
    hashes = np.array([each.phash for each in facts], np.uint64)
    usable = np.array([index for index, each in enumerate(facts) if not each.flat], np.int64)
    hashes = hashes[usable]
    rows = max(1, CELLS_AT_ONCE // max(1, len(hashes)))
    starts = range(0, len(hashes), rows)
    with (reporter or Silent()).steps("comparing photographs", len(starts)) as step:
        found = spread(
            range(core_count()), starts, lambda _, start: _candidates(hashes, start, start + rows), step
        )
    first, second = (usable[np.concatenate(side)] for side in zip(*found, strict=True)) if found else _none()
    likeness = _likenesses(facts, first, second)
    tints = np.array([each.tint for each in facts]).reshape(-1, 2)
    off_colour = np.abs(tints[first] - tints[second]).max(axis=1, initial=0.0)
    alike = (likeness >= likeness_limit(facts)) & (off_colour <= MAX_TINT)
    return Pairs(first[alike], second[alike], likeness[alike])


def likeness_limit(facts: Sequence[Facts]) -> float:
    """How alike two near duplicates must be in this set.

    A fifth of the distance from 1 at which nine of ten random pairs lie: 0.85 for photographs of all sorts,
    0.96 for solar cells.
    """
    draw = np.random.default_rng(0).integers(0, max(1, len(facts)), (2, SAMPLED_PAIRS))
    first, second = draw[:, draw[0] != draw[1]]
    likeness = _likenesses(facts, first, second)
    if not len(likeness):
        return LEAST_LIKENESS
    ordinary = float(np.percentile(likeness, ORDINARY_QUANTILE))
    return min(MOST_LIKENESS, max(LEAST_LIKENESS, 1 - CLOSER * (1 - ordinary)))


def clusters(pairs: Pairs, count: int) -> list[tuple[int, ...]]:
    """Pairs of `count` pictures joined up: ascending indices, two at least in each cluster.

    A cluster of more than a tenth of all pictures (and more than 20) is a chain of look-alikes: it is cut
    apart at ever higher likeness until its pieces are smaller.
    """
    largest = max(SMALL_CLUSTER, int(count * LARGEST_SHARE))
    done: list[tuple[int, ...]] = []
    open_pairs = np.ones(len(pairs.first), bool)
    for level in (0.0, *TIGHTER):
        open_pairs &= pairs.likeness >= level
        members = _connected(pairs, open_pairs, count)
        fine = [cluster for cluster in members if len(cluster) <= largest or level == TIGHTER[-1]]
        done += fine
        settled = np.zeros(count, bool)
        settled[[index for cluster in fine for index in cluster]] = True
        open_pairs &= ~settled[pairs.first]
    return sorted(done)


def _none() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.empty(0, np.int64), np.empty(0, np.int64)


def _candidates(
    hashes: NDArray[np.uint64], start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (row, later column) of hashes at most MAX_DISTANCE bits apart, for rows start to stop.

    The rows that find enough partners close by are done with, so a film is not compared to all of itself.
    """
    rows = np.arange(start, min(stop, len(hashes)))
    edge = stop + NEIGHBOURHOOD
    first, second = _within(hashes, rows, start, edge)
    later = first < second
    first, second = first[later], second[later]
    alone = rows[np.bincount(first - start, minlength=len(rows)) < MOST_PARTNERS]
    more_first, more_second = _within(hashes, alone, edge, len(hashes))
    first, second = np.concatenate((first, more_first)), np.concatenate((second, more_second))
    order = np.argsort(first, kind="stable")
    first, second = first[order], second[order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    return first[rank < MOST_PARTNERS], second[rank < MOST_PARTNERS]


def _within(
    hashes: NDArray[np.uint64], rows: NDArray[np.int64], start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of these rows with columns start to stop that are close enough."""
    columns = hashes[start:stop]
    if not (len(rows) and len(columns)):
        return _none()
    close = np.bitwise_count(hashes[rows][:, None] ^ columns[None, :]) <= MAX_DISTANCE
    row, column = np.divmod(np.flatnonzero(close), len(columns))
    return rows[row], column + start


def _likenesses(
    facts: Sequence[Facts], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Normalised cross-correlation of the pairs' thumbnails, float32 (n,)."""
    likeness = np.empty(len(first), np.float32)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        chosen = slice(start, start + PAIRS_AT_ONCE)
        one, other = (_unit_thumbnails(facts, side[chosen]) for side in (first, second))
        likeness[chosen] = np.einsum("ij,ij->i", one, other)
    return likeness


def _unit_thumbnails(facts: Sequence[Facts], indices: NDArray[np.int64]) -> NDArray[np.float32]:
    body = b"".join(facts[index].thumbnail for index in indices)
    values = np.frombuffer(body, np.int8).reshape(len(indices), -1).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True).astype(np.float32)
    units: NDArray[np.float32] = values / np.maximum(lengths, np.float32(1))  # a flat picture stays zero
    return units


def _connected(pairs: Pairs, chosen: NDArray[np.bool_], count: int) -> list[tuple[int, ...]]:
    """Connected components of two members at least."""
    first, second = pairs.first[chosen], pairs.second[chosen]
    labels, before = np.arange(count), np.full(count, -1)
    while not np.array_equal(labels, before):  # SciPy could do this, and takes longer to import
        before = labels.copy()
        lowest = np.minimum(labels[first], labels[second])
        np.minimum.at(labels, first, lowest)
        np.minimum.at(labels, second, lowest)
        labels = labels[labels]
    order = np.argsort(labels, kind="stable")
    bounds = np.flatnonzero(np.diff(labels[order])) + 1
    return [tuple(int(i) for i in part) for part in np.split(order, bounds) if len(part) > 1]
