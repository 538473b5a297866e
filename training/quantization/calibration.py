"""The photographs that set the int8 ranges: training ones, all classes alike, plus black and white."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from edge.preprocess import PreprocessSpec
from training.dataset.load import load_all
from training.dataset.split import Item, Split
from training.progress import Reporter


def calibration_images(
    split: Split, spec: PreprocessSpec, count: int, reporter: Reporter
) -> NDArray[np.uint8]:
    """`count` training photographs at most, as uint8 RGB (n + 2, h, w, 3), then black and white.

    The two plain pictures make the input range 0–255, so that a picture's bytes are the input as they are.
    """
    paths = [item.path for item in take_balanced(split.train, split.labels, count)]
    with reporter.steps("reading calibration photographs", len(paths)) as step:
        photographs = load_all(paths, spec, step)
    plain = np.zeros((2, spec.height, spec.width, 3), np.uint8)
    plain[1] = 255
    return np.concatenate((photographs, plain))


def take_balanced(items: Sequence[Item], labels: Sequence[str], count: int) -> list[Item]:
    """The first `count` items, taking turns between the labels; the split has shuffled them already."""
    rows: list[Iterator[Item]] = [iter([i for i in items if i.label == label]) for label in labels]
    turns = chain.from_iterable(zip_longest(*rows))
    return [item for item in turns if item is not None][:count]
