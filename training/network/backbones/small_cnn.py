"""A small network of plain convolutions, to be trained from scratch on a few hundred photographs.

It is there to be compared with: what do the ImageNet weights of the others bring?
"""

from __future__ import annotations

from typing import Any

from training.libraries import keras

STEM_CHANNELS = 24
BLOCK_CHANNELS = (32, 48, 64, 96, 128)
MOMENTUM = 0.9  # a training has hundreds of steps, not the hundred thousands that 0.99 is made for


def small_cnn(pixels: Any, _size: int) -> Any:
    """A feature map of 128 channels at 1/32 of the size; about 216,000 weights."""
    # no padding here: folding the normalisation is then exact, so it is run as it was trained
    tensor = _convolution(pixels, "stem", STEM_CHANNELS, stride=2, padding="valid")
    for index, channels in enumerate(BLOCK_CHANNELS):
        stride = 2 if index else 1
        tensor = _convolution(tensor, f"block_{index}_conv", channels, stride=stride)
    return tensor


def _convolution(tensor: Any, name: str, channels: int, *, stride: int, padding: str = "same") -> Any:
    layers = keras().layers
    tensor = layers.Conv2D(channels, 3, stride, padding=padding, use_bias=False, name=name)(tensor)
    tensor = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(tensor)
    return layers.ReLU(6.0, name=f"{name}_relu")(tensor)
