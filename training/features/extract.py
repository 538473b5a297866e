"""Photographs → features: the frozen backbone runs once over each, in the device's runtime on all cores.

Every row is kept in the cache under the photograph's content, the backbone, the preprocessing and the
augmentation, so adding ten photographs costs ten runs, and an interrupted extraction goes on where it was.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

import edge.preprocess
import training.dataset.augment
from edge.model.interpreter import Network
from edge.preprocess import Image
from training.cache import Cache
from training.config import TrainConfig
from training.dataset.augment import augmented
from training.dataset.load import load
from training.dataset.scan import PARTS
from training.dataset.split import Split
from training.network.frozen_backbone import FrozenBackbone, versions
from training.parallel import core_count, spread
from training.progress import Reporter, Step

Float = NDArray[np.float32]
Item = TypeVar("Item")

PREPARED_BY = ("ai-edge-litert", "tflite-runtime", "opencv-python-headless")
STORE_EVERY = 256  # photographs: what an interruption costs at most


class Pictured(Protocol):
    """Anything that names a picture file and its content."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def sha256(self) -> str:
        """Its content's hash."""
        ...


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
    """One photograph to run: `number` says which of its changed copies, 0 the picture as it is."""

    path: Path
    sha256: str
    number: int


_Keyed = tuple[str, _View]  # with its key in the cache


def extract(
    backbone: FrozenBackbone, split: Split, config: TrainConfig, cache: Cache, reporter: Reporter
) -> Features:
    """Features of every photograph and of the augmented views of the training photographs."""
    plain = {part: [_View(item.path, item.sha256, 0) for item in split.part(part)] for part in PARTS}
    views = [
        _View(item.path, item.sha256, number)
        for number in range(1, config.augmented_views + 1)
        for item in split.train
    ]
    todo = [view for part in PARTS for view in plain[part]] + views
    rows = _rows(backbone, todo, config, cache, reporter)
    ends = np.cumsum([len(plain[part]) for part in PARTS])
    return Features(*np.split(rows, ends))


def photograph_features(
    backbone: FrozenBackbone,
    photographs: Sequence[Pictured],
    config: TrainConfig,
    cache: Cache,
    reporter: Reporter,
) -> Float:
    """Features (n, channels) of photographs as they are, in their order."""
    views = [_View(photograph.path, photograph.sha256, 0) for photograph in photographs]
    return _rows(backbone, views, config, cache, reporter)


def _rows(
    backbone: FrozenBackbone, views: Sequence[_View], config: TrainConfig, cache: Cache, reporter: Reporter
) -> Float:
    make_key = _key_maker(backbone, config)
    keys = [make_key(view) for view in views]
    rows = {key: np.frombuffer(row, np.float32) for key, row in cache.read(keys).items()}
    missing = [(key, view) for key, view in zip(keys, views, strict=True) if key not in rows]
    if missing:
        _run_missing(backbone, missing, config, cache, rows, reporter)
    elif views:
        reporter.note(f"features of {len(views)} pictures were in the cache")
    return np.stack([rows[key] for key in keys])


def _run_missing(
    backbone: FrozenBackbone,
    missing: Sequence[_Keyed],
    config: TrainConfig,
    cache: Cache,
    rows: dict[str, Float],
    reporter: Reporter,
) -> None:
    """Run the backbone where the cache has no row, storing as it goes; adds to `rows`."""
    interpreters = make_interpreters(backbone.network)
    photographs = _by_photograph(missing)
    with reporter.steps("computing features", len(photographs)) as step:
        for start in range(0, len(photographs), STORE_EVERY):
            some = photographs[start : start + STORE_EVERY]
            found = spread(interpreters, some, lambda network, views: _rows_of(network, views, config), step)
            fresh = {key: row for photograph in found for key, row in photograph.items()}
            cache.write({key: row.tobytes() for key, row in fresh.items()})
            rows.update(fresh)


def _by_photograph(views: Sequence[_Keyed]) -> list[list[_Keyed]]:
    """The views of each photograph together: it is then decoded once."""
    together: dict[Path, list[_Keyed]] = {}
    for key, view in views:
        together.setdefault(view.path, []).append((key, view))
    return list(together.values())


def _rows_of(network: Network, views: Sequence[_Keyed], config: TrainConfig) -> dict[str, Float]:
    """The backbone's output by key, for views of one photograph."""
    image = load(views[0][1].path, config.spec)
    return {key: _row(network, _changed(image, view, config)) for key, view in views}


def _row(network: Network, image: Image) -> Float:
    network.input_view()[0] = image
    network.invoke()
    return network.output_values().reshape(-1)


def _changed(image: Image, view: _View, config: TrainConfig) -> Image:
    if view.number == 0:
        return image
    # by content, not by place in a list: a photograph's views stay the same when others are added
    seed = (config.seed, view.number, int(view.sha256[:16], 16))
    return augmented(image, config.augment, np.random.default_rng(seed))


def _key_maker(backbone: FrozenBackbone, config: TrainConfig) -> Callable[[_View], str]:
    """Keys name all that a row depends on; the code that prepares pictures is part of that."""
    modules = (edge.preprocess, training.dataset.augment)
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    fixed = f"{backbone.fingerprint} {config.spec} {sorted(versions(PREPARED_BY).items())}".encode() + code
    plain = hashlib.sha256(fixed).hexdigest()
    change = f"{plain} {config.augment.model_dump_json()} {config.seed}"
    changed = hashlib.sha256(change.encode()).hexdigest()
    return lambda view: f"{view.sha256}:{view.number}:{changed if view.number else plain}"


def make_interpreters(network: bytes) -> list[Network]:
    """One single-threaded interpreter a core: faster than one with many threads, see LOG.md."""
    return [Network(network) for _ in range(core_count())]


def run_over(
    network: bytes, items: Sequence[Item], pixels: Callable[[Item], Image], step: Step = lambda: None
) -> Float:
    """A network's output rows, float32 (n, outputs), for the pictures that `pixels` makes of the items."""
    return run_on(make_interpreters(network), items, pixels, step)


def run_on(
    interpreters: Sequence[Network],
    items: Sequence[Item],
    pixels: Callable[[Item], Image],
    step: Step = lambda: None,
) -> Float:
    """As run_over, with interpreters that are there already."""
    return np.stack(spread(interpreters, items, lambda network, item: _row(network, pixels(item)), step))


def to_bytes(features: Features) -> bytes:
    """The features as an npz file's content."""
    body = io.BytesIO()
    np.savez(body, train=features.train, val=features.val, test=features.test, views=features.views)
    return body.getvalue()
