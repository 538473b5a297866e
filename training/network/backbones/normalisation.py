"""What a network's weights expect of a pixel, and how the first convolution takes that over.

So every backbone takes RGB 0–255, nobody outside needs to know more, and int8 takes a picture's bytes without
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.libraries import keras

Triple = tuple[float, float, float]

TORCHVISION_MEAN: Triple = (0.485, 0.456, 0.406)
TORCHVISION_STD: Triple = (0.229, 0.224, 0.225)
CAFFE_MEAN: Triple = (123.68, 116.779, 103.939)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What weights were trained with: input = pixel × scale + offset, for R, G and B.

    bgr: the network's first channel is blue; scale and offset are still those of R, G and B.
    """

    scale: Triple
    offset: Triple
    bgr: bool = False

    def inverse(self) -> Normalisation:
        """Folding this one undoes folding that one (so with bgr, its numbers are in the order B, G, R)."""
        pairs = list(zip(self.scale, self.offset, strict=True))[:: -1 if self.bgr else 1]
        return Normalisation(
            _triple([1 / scale for scale, _ in pairs]),
            _triple([-offset / scale for scale, offset in pairs]),
            self.bgr,
        )


def even(scale: float, offset: float) -> Normalisation:
    """The same for all three colours."""
    return Normalisation((scale,) * 3, (offset,) * 3)


def normalised(pixels: Any, normalisation: Normalisation) -> Any:
    """A Keras tensor of normalised pixels, channels in the order that the weights expect."""
    scaling = keras().layers.Rescaling(normalisation.scale, normalisation.offset, name="normalise")
    inputs = scaling(pixels)
    return inputs[..., ::-1] if normalisation.bgr else inputs


def fold_normalisation(backbone: Any, normalisation: Normalisation) -> None:
    """Make a backbone with weights for normalised pixels take them as they are.

    Σ w·(scale·x + offset) = Σ (w·scale)·x + Σ w·offset; the second sum goes into the convolution's bias, or
    where it has none into the batch normalisation that follows. Exact but for the rows and columns that
    padding adds: there, 0 is now black.
    """
    layers = keras().layers
    convolution = next(layer for layer in backbone.layers if isinstance(layer, layers.Conv2D))
    kernel, *bias = convolution.get_weights()
    if normalisation.bgr:
        kernel = kernel[:, :, ::-1]
    scale, offset = (np.asarray(v)[:, None] for v in (normalisation.scale, normalisation.offset))
    shift = (kernel * offset).sum(axis=(0, 1, 2))
    if bias:
        convolution.set_weights([kernel * scale, bias[0] + shift])
        return
    batch_norm = next(layer for layer in backbone.layers if isinstance(layer, layers.BatchNormalization))
    gamma, beta, mean, variance = batch_norm.get_weights()
    convolution.set_weights([kernel * scale])
    batch_norm.set_weights([gamma, beta, mean - shift, variance])


def _triple(values: list[float]) -> Triple:
    red, green, blue = values
    return red, green, blue


UNIT_RANGE = even(1 / 127.5, -1.0)
TORCHVISION = Normalisation(
    _triple([1 / (255 * std) for std in TORCHVISION_STD]),
    _triple([-mean / std for mean, std in zip(TORCHVISION_MEAN, TORCHVISION_STD, strict=True)]),
)
CAFFE = Normalisation((1.0, 1.0, 1.0), _triple([-mean for mean in CAFFE_MEAN]), bgr=True)
