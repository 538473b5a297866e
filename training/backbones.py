"""The feature networks that can be trained on, by name.

Every graph takes RGB values 0–255. What a network was trained with is folded into its first convolution
(`fold_normalisation`), so nobody outside needs to know it, and int8 takes a picture's bytes without
rounding. Adding a backbone is one entry in BACKBONES (and its weights in `weights`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.errors import SettingsError
from training.libraries import keras

BATCH_NORM_EPSILON = 1e-3

# repeats, kernel, stride, expansion, channels of each stage of EfficientNet-Lite0
LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What the weights were trained with: input = pixel × scale + offset, for R, G and B."""

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network without its classifier: `body` maps RGB values to a feature map.

    normalisation is that of the weights as Keras or their authors give them.
    """

    name: str
    body: Callable[[Any, int], Any]
    normalisation: Normalisation


def build_trunk(name: str, size: int) -> Any:
    """A Keras model, float RGB 0–255 of (n, size, size, 3) → pooled features of (n, channels)."""
    layers = keras().layers
    pixels = layers.Input((size, size, 3), name="pixels")
    features = layers.GlobalAveragePooling2D(name="pool")(find_backbone(name).body(pixels, size))
    return keras().Model(pixels, features, name=name)


def fold_normalisation(trunk: Any, normalisation: Normalisation) -> None:
    """Make a trunk with weights for normalised pixels take them as they are.

    Σ w·(scale·x + offset) = Σ (w·scale)·x + Σ w·offset; the second sum goes into the batch normalisation
    that follows. Exact but for the one row and column that "same" padding adds: there, 0 is now black.
    """
    layers = keras().layers
    convolution = next(layer for layer in trunk.layers if isinstance(layer, layers.Conv2D))
    batch_norm = next(layer for layer in trunk.layers if isinstance(layer, layers.BatchNormalization))
    (kernel,) = convolution.get_weights()
    gamma, beta, mean, variance = batch_norm.get_weights()
    scale, offset = (np.asarray(v)[:, None] for v in (normalisation.scale, normalisation.offset))
    convolution.set_weights([kernel * scale])
    batch_norm.set_weights([gamma, beta, mean - (kernel * offset).sum(axis=(0, 1, 2)), variance])


def find_backbone(name: str) -> Backbone:
    """The registry's entry; raises SettingsError that lists the names."""
    if name not in BACKBONES:
        raise SettingsError(f"there is no backbone {name!r}", "", f"take one of {', '.join(BACKBONES)}")
    return BACKBONES[name]


def _mobilenet_v2(pixels: Any, size: int) -> Any:
    network = keras().applications.MobileNetV2(
        input_shape=(size, size, 3), input_tensor=pixels, include_top=False, weights=None
    )
    return network.output


def _efficientnet_lite0(pixels: Any, _size: int) -> Any:
    """EfficientNet-Lite0 by its paper's table: "same" padding, ReLU6, no squeeze-and-excite."""
    tensor = _convolution(pixels, "stem", 32, kernel=3, stride=2)
    channels_in, index = 32, 0
    for repeats, kernel, first_stride, expansion, channels in LITE0_STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            block = _inverted_residual(
                tensor,
                f"block_{index}",
                channels,
                kernel=kernel,
                stride=stride,
                hidden=channels_in * expansion,
            )
            keeps_shape = stride == 1 and channels_in == channels
            tensor = keras().layers.Add(name=f"block_{index}_add")([tensor, block]) if keeps_shape else block
            channels_in, index = channels, index + 1
    return _convolution(tensor, "top", 1280)


def _inverted_residual(
    tensor: Any, name: str, channels: int, *, kernel: int, stride: int, hidden: int
) -> Any:
    if tensor.shape[-1] != hidden:
        tensor = _convolution(tensor, f"{name}_expand", hidden)
    depthwise = keras().layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    tensor = _normalised(depthwise(tensor), f"{name}_depthwise", activate=True)
    return _convolution(tensor, f"{name}_project", channels, activate=False)


def _convolution(
    tensor: Any, name: str, channels: int, *, kernel: int = 1, stride: int = 1, activate: bool = True
) -> Any:
    layer = keras().layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=name)
    return _normalised(layer(tensor), name, activate=activate)


def _normalised(tensor: Any, name: str, *, activate: bool) -> Any:
    tensor = keras().layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(tensor)
    return keras().layers.ReLU(6.0, name=f"{name}_relu")(tensor) if activate else tensor


def _same(scale: float, offset: float) -> Normalisation:
    return Normalisation((scale,) * 3, (offset,) * 3)


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("mobilenet_v2", _mobilenet_v2, _same(1 / 127.5, -1.0)),
        Backbone("efficientnet_lite0", _efficientnet_lite0, _same(1 / 128, -127 / 128)),
    )
}
