"""Photographs → features: the frozen trunk runs once over each, in the device's runtime on all cores."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.interpreter import Network
from edge.preprocess import Image
from training.augment import augmented
from training.config import TrainConfig
from training.load import load
from training.parallel import core_count, spread
from training.progress import Reporter, Step
from training.scan import PARTS
from training.split import Split

Float = NDArray[np.float32]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Features:
    """Features of shape (n, channels) of each part; `views` those of changed training photographs.

    views holds (training photographs × views) rows, view after view, each in the training part's order.
    """

    train: Float
    val: Float
    test: Float
    views: Float


@dataclass(frozen=True, slots=True)
class _View:
    """One photograph to run: changed by the random numbers of `seed`, or as it is where that is None."""

    path: Path
    seed: tuple[int, int, int] | None


def extract(network: bytes, split: Split, config: TrainConfig, reporter: Reporter) -> Features:
    """Run a float TFLite trunk over every photograph and over the augmented training photographs."""
    plain = {part: [_View(item.path, None) for item in split.part(part)] for part in PARTS}
    views = [
        _View(item.path, (config.seed, view, index))
        for view in range(config.augmented_views)
        for index, item in enumerate(split.train)
    ]
    todo = [view for part in PARTS for view in plain[part]] + views

    def pixels(view: _View) -> Image:
        image = load(view.path, config.spec)
        if view.seed is None:
            return image
        return augmented(image, config.augment, np.random.default_rng(view.seed))

    with reporter.steps("computing features", len(todo)) as step:
        rows = run_over(network, todo, pixels, step)
    ends = np.cumsum([len(plain[part]) for part in PARTS])
    return Features(*np.split(rows, ends))


def run_over(
    network: bytes, items: Sequence[Item], pixels: Callable[[Item], Image], step: Step = lambda: None
) -> Float:
    """A network's output rows, float32 (n, outputs), for the pictures that `pixels` makes of the items.

    One single-threaded interpreter a core is faster than one with many threads: see LOG.md.
    """
    interpreters = [Network(network) for _ in range(core_count())]

    def row(interpreter: Network, item: Item) -> Float:
        image = pixels(item)
        interpreter.input_view()[0] = image
        interpreter.invoke()
        return interpreter.output_values().reshape(-1)

    return np.stack(spread(interpreters, items, row, step))


def to_bytes(features: Features) -> bytes:
    """The features as an npz file's content."""
    body = io.BytesIO()
    np.savez(body, train=features.train, val=features.val, test=features.test, views=features.views)
    return body.getvalue()
