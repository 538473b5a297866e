"""Where a network looks: class activation maps of trained runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from training.fit.trained_network import TrainedRun
from training.head.softmax_head import Head
from training.head.temperature import scaled_scores
from training.libraries import keras

Float = NDArray[np.float32]

POOL = "pool"


@dataclass(frozen=True, slots=True)
class Explainer:
    """A run's backbone up to its last feature map, and what the head makes of that."""

    body: Any
    head: Head
    temperature: float

    def maps(self, images: Sequence[Image]) -> Float:
        """The last feature maps, float32 (n, h, w, channels), of uint8 RGB images; n is a small batch."""
        return np.asarray(self.body.predict_on_batch(np.stack(images).astype(np.float32)))

    def scores(self, maps: Float) -> Float:
        """What the network says, float32 (n, labels): pooling is the mean over the map."""
        return scaled_scores(self.head.logits(maps.mean(axis=(1, 2))), self.temperature)

    def heat(self, maps: Float, label: int) -> Float:
        """The heat (h, w) of one picture's maps (h, w, channels) for one label number."""
        return class_heat(maps, self.head.kernel[:, label])


def make_explainer(trained: TrainedRun, temperature: float) -> Explainer | None:
    """The explainer of a run; None where its network does not end in pooling and one layer."""
    layer = next((layer for layer in trained.backbone.layers if layer.name == POOL), None)
    if layer is None or len(layer.input.shape) != 4:
        return None
    return Explainer(keras().Model(trained.backbone.input, layer.input), trained.head, temperature)


def class_heat(maps: Float, weights: Float) -> Float:
    """ReLU(Σ_k w_k · A_k(x, y)), float32 (h, w), of maps A (h, w, channels) and weights (channels,).

    This is CAM (Zhou et al. 2016). For a network that ends in global average pooling and one softmax layer
    the gradient of a label's logit is w_k / (h · w) everywhere, so Grad-CAM (Selvaraju et al. 2017) is the
    same map but for a constant factor.
    """
    heat: Float = np.maximum(maps @ weights, 0)
    return heat
