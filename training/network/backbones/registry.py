"""The feature networks that can be trained on, by name.

Adding a backbone is one entry in BACKBONES (and its weights in `weights`). Every graph takes RGB values
0–255: see `normalisation`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from training.errors import SettingsError
from training.libraries import keras
from training.network.backbones.applications import APPLICATIONS
from training.network.backbones.efficientnet_lite import efficientnet_lite
from training.network.backbones.normalisation import (
    CAFFE,
    TORCHVISION,
    UNIT_RANGE,
    Normalisation,
    even,
    fold_normalisation,
    normalised,
)
from training.network.backbones.small_cnn import small_cnn

# as in block_12_expand, expanded_conv_depthwise, expanded_conv_7_add, block6a_bn, conv5_block3_out
BLOCK = re.compile(r"(block_\d+|expanded_conv(?:_\d+)?|block\d+[a-z]?|conv\d+_block\d+)_")
LITE = even(1 / 128, -127 / 128)


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network without its classifier: `body` maps RGB values to a feature map.

    normalisation is that of the weights as Keras or their authors give them; size_px is the input size they
    were trained with. A network that is not `pretrained` has no frozen features to offer: all of it is
    trained, from random weights.
    """

    name: str
    body: Callable[[Any, int], Any]
    normalisation: Normalisation
    size_px: int = 224
    pretrained: bool = True


def build_backbone(name: str, size: int, *, normalise: bool = False) -> Any:
    """A Keras model, float RGB 0–255 of (n, size, size, 3) → pooled features of (n, channels).

    normalise: put the normalisation in front as a layer of its own, for weights that it is not folded into.
    The weights are the same ones in the same order.
    """
    layers, backbone = keras().layers, find_backbone(name)
    pixels = layers.Input((size, size, 3), name="pixels")
    inputs = normalised(pixels, backbone.normalisation) if normalise else pixels
    features = layers.GlobalAveragePooling2D(name="pool")(backbone.body(inputs, size))
    return keras().Model(pixels, features, name=name)


def find_backbone(name: str) -> Backbone:
    """The registry's entry; raises SettingsError that lists the names."""
    if name not in BACKBONES:
        raise SettingsError(f"there is no backbone {name!r}", "", f"take one of {', '.join(BACKBONES)}")
    return BACKBONES[name]


def unfolded(backbone: Any) -> Any:
    """A copy with the normalisation as a layer in front: training from random weights does better so.

    For a backbone whose weights began random; those of a package may come with a normalisation of their own.
    """
    plain = _copy(backbone, normalise=False)
    fold_normalisation(plain, find_backbone(backbone.name).normalisation.inverse())
    return _copy(plain, normalise=True)


def folded(backbone: Any) -> Any:
    """A copy of an `unfolded` backbone with the normalisation in its first convolution, as others have it."""
    plain = _copy(backbone, normalise=False)
    fold_normalisation(plain, find_backbone(backbone.name).normalisation)
    return plain


def _copy(backbone: Any, *, normalise: bool) -> Any:
    copy = build_backbone(backbone.name, backbone.input_shape[1], normalise=normalise)
    copy.set_weights(backbone.get_weights())
    return copy


def block_of(layer_name: str) -> str | None:
    """The block that a layer belongs to; None for the layers before the first and after the last one."""
    found = BLOCK.match(layer_name)
    return found[1] if found else None


def block_names(model: Any) -> tuple[str, ...]:
    """A network's blocks, from its input to its output."""
    blocks = (block_of(layer.name) for layer in model.layers)
    return tuple(dict.fromkeys(block for block in blocks if block is not None))


def _application(name: str, normalisation: Normalisation) -> Backbone:
    return Backbone(name, APPLICATIONS[name].body, normalisation)


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        _application("mobilenet_v2", UNIT_RANGE),
        _application("mobilenet_v3_small", UNIT_RANGE),
        _application("mobilenet_v3_large", UNIT_RANGE),
        Backbone("efficientnet_lite0", efficientnet_lite, LITE),
        Backbone("efficientnet_lite1", partial(efficientnet_lite, depth=1.1), LITE, 240),
        Backbone("efficientnet_lite2", partial(efficientnet_lite, width=1.1, depth=1.2), LITE, 260),
        _application("efficientnet_b0", TORCHVISION),
        _application("resnet50", CAFFE),
        _application("vgg16", CAFFE),
        Backbone("small_cnn", small_cnn, UNIT_RANGE, 96, pretrained=False),
    )
}
