"""A backbone's weights as a file's content, and the backbone built from them again."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from training.network.backbones.registry import build_backbone


def weights_bytes(model: Any) -> bytes:
    """A model's weights, in its own order, as an npz file's content."""
    body = io.BytesIO()
    np.savez(body, *model.get_weights())
    return body.getvalue()


def rebuild_backbone(backbone: str, size: int, weights: bytes) -> Any:
    """The Keras backbone of that name with the weights of `weights_bytes`; raises ValueError, KeyError."""
    network = build_backbone(backbone, size)
    with np.load(io.BytesIO(weights), allow_pickle=False) as stored:
        network.set_weights([stored[f"arr_{index}"] for index in range(len(stored.files))])
    return network
