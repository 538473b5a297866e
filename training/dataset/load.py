"""Photographs on disk → arrays in the network's input shape, by the device's own preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image, PreprocessSpec, prepare, read_image
from training.parallel import core_count, spread
from training.progress import Step


def load(path: Path, spec: PreprocessSpec) -> Image:
    """One photograph as uint8 RGB of (spec.height, spec.width, 3); raises ImageError."""
    return prepare(read_image(path), spec)


def load_all(paths: Sequence[Path], spec: PreprocessSpec, step: Step = lambda: None) -> NDArray[np.uint8]:
    """Many photographs as uint8 RGB of (n, spec.height, spec.width, 3), read on all cores."""
    if not paths:
        return np.empty((0, spec.height, spec.width, 3), np.uint8)
    return np.stack(spread(range(core_count()), paths, lambda _, path: load(path, spec), step))
