"""EfficientNet-Lite by its authors' table: "same" padding, ReLU6, no squeeze-and-excite.

Lite1 and Lite2 are Lite0 with more layers and channels; unlike in EfficientNet, the stem, the last
convolution, and the number of layers of the first and last stage stay as they are.
"""

from __future__ import annotations

import math
from typing import Any

from training.libraries import keras

BATCH_NORM_EPSILON = 1e-3
STEM_CHANNELS, TOP_CHANNELS = 32, 1280
CHANNEL_STEP = 8

# repeats, kernel, stride, expansion, channels of each stage of Lite0
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite(pixels: Any, _size: int, *, width: float = 1.0, depth: float = 1.0) -> Any:
    """The feature map of a Lite network; width and depth multiply Lite0's channels and repeats."""
    tensor = _convolution(pixels, "stem", STEM_CHANNELS, kernel=3, stride=2)
    channels_in, index = STEM_CHANNELS, 0
    for stage, (repeats, kernel, first_stride, expansion, lite0_channels) in enumerate(STAGES):
        channels = scaled_channels(lite0_channels, width)
        outermost = stage in (0, len(STAGES) - 1)
        for repeat in range(repeats if outermost else math.ceil(repeats * depth)):
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
    return _convolution(tensor, "top", TOP_CHANNELS)


def scaled_channels(channels: int, width: float) -> int:
    """channels × width to the nearest multiple of 8, but never under nine tenths of it."""
    wanted = channels * width
    rounded = max(CHANNEL_STEP, int(wanted + CHANNEL_STEP / 2) // CHANNEL_STEP * CHANNEL_STEP)
    return rounded if rounded >= 0.9 * wanted else rounded + CHANNEL_STEP


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
