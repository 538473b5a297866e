"""Features of the pictures to judge by: as the run stored them, or through its tuned backbone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image, prepare, read_image
from training.cache import opened_cache
from training.config import TrainConfig
from training.dataset.camera_simulation import streamed
from training.dataset.load import load
from training.dataset.scan import OTHER_FOLDER, Photograph, scan_other
from training.errors import DataError, RunError
from training.features.extract import Features, Pictured, photograph_features, run_over
from training.fit.trained_network import TrainedRun
from training.network.convert import to_float
from training.network.frozen_backbone import convert_backbone
from training.progress import Reporter
from training.runs import FEATURES, Run

Float = NDArray[np.float32]

# The median over these is stable, and each costs an encoding and a decoding.
MAX_STREAMED = 200


@dataclass(frozen=True, slots=True)
class HeldOutFeatures:
    """Features (n, channels) of the network as it is shipped; ood: of out-of-distribution pictures, if any.

    streamed: of the first validation photographs, 200 at most, as a camera's stream would show them.
    """

    val: Float
    test: Float
    streamed: Float
    ood: Float | None


def stored_features(run: Run) -> Features:
    """What the frozen backbone gave in training; raises RunError."""
    try:
        with np.load(io.BytesIO(run.read(FEATURES)), allow_pickle=False) as stored:
            return Features(stored["train"], stored["val"], stored["test"], stored["views"])
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise RunError(f"can't use the run {run.name}", f"{FEATURES}: {error}", "train again") from error


def held_out_features(trained: TrainedRun, ood: Sequence[Photograph], reporter: Reporter) -> HeldOutFeatures:
    """Features of the validation part, the test part and out-of-distribution pictures."""
    if trained.record.fine_tuned:
        return _tuned_features(trained, ood, reporter)
    stored = stored_features(trained.run)
    unknown = None
    with opened_cache(reporter) as cache:
        backbone = convert_backbone(trained.config, cache, reporter)
        if ood:
            unknown = photograph_features(backbone, ood, trained.config, cache, reporter)
    shown = _streamed_features(trained, backbone.network, reporter)
    return HeldOutFeatures(stored.val, stored.test, shown, unknown)


def _streamed_features(trained: TrainedRun, network: bytes, reporter: Reporter) -> Float:
    spec, paths = trained.config.spec, [item.path for item in trained.split.val[:MAX_STREAMED]]

    def pixels(path: Path) -> Image:
        return prepare(streamed(read_image(path), spec), spec)

    with reporter.steps("looking at photographs as a camera shows them", len(paths)) as step:
        return run_over(network, paths, pixels, step)


def find_ood_photographs(config: TrainConfig, reporter: Reporter) -> tuple[Photograph, ...]:
    """Photographs of none of the classes: the configured folder's, or DATA/other's beside DATA/train.

    None where there is no such folder, or no longer.
    """
    beside = config.data / OTHER_FOLDER
    folder = config.other or (beside if (config.data / "train").is_dir() else None)
    if folder is None or not folder.is_dir():
        if config.other:
            reporter.note(f"{config.other} is gone, so how its photographs are refused was not measured")
        return ()
    try:
        return scan_other(folder, reporter)[0]
    except DataError as error:
        reporter.note(str(error))
        return ()


def _tuned_features(trained: TrainedRun, ood: Sequence[Photograph], reporter: Reporter) -> HeldOutFeatures:
    network = to_float(trained.backbone)
    parts: list[Sequence[Pictured]] = [trained.split.val, trained.split.test, ood]
    paths: list[Path] = [picture.path for part in parts for picture in part]
    with reporter.steps("evaluating the tuned network", len(paths)) as step:
        rows = run_over(network, paths, lambda path: load(path, trained.config.spec), step)
    val, test, unknown = np.split(rows, np.cumsum([len(part) for part in parts[:2]]))
    shown = _streamed_features(trained, network, reporter)
    return HeldOutFeatures(val, test, shown, unknown if ood else None)
