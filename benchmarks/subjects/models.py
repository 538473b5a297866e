"""The networks that are measured: int8 as the device runs them, untrained, for weights do not matter here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

LABELS = 10
ModelName = Literal["mobilenet_v2_224", "mobilenet_v2_160", "mobilenet_v3_small_224"]
MODELS: tuple[ModelName, ...] = ("mobilenet_v2_224", "mobilenet_v2_160", "mobilenet_v3_small_224")


def model_file(name: ModelName, folder: Path) -> Path:
    """The network's file in `folder`, made where it is not there yet; its labels lie beside it (`.txt`)."""
    model = folder / f"{name}.tflite"
    if not model.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        model.with_suffix(".txt").write_text("".join(f"label {number}\n" for number in range(LABELS)))
        model.write_bytes(_converted(name))
    return model


def keras_network(name: ModelName) -> Any:
    """The network before its conversion: float RGB 0–255 → scores; its random weights are always the same."""
    from training.libraries import keras
    from training.network.backbones.registry import build_backbone

    backbone, _, size = name.rpartition("_")
    keras().utils.set_random_seed(0)
    network = build_backbone(backbone, int(size))
    return keras().Model(network.input, keras().layers.Dense(LABELS, activation="softmax")(network.output))


def _converted(name: ModelName) -> bytes:
    from training.network.convert import to_uint8

    network = keras_network(name)
    pixels = np.random.default_rng(0).integers(0, 256, (8, *network.input_shape[1:]), dtype=np.uint8)
    pixels[0], pixels[1] = 0, 255
    return to_uint8(network, pixels)
