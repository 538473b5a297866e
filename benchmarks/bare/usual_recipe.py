"""The usual transfer-learning recipe, as tutorials teach it. Prints one JSON line: accuracy on the test part.

Run: python -m benchmarks.bare.usual_recipe DATA SIZE EPOCHS SEED
Frozen ImageNet MobileNetV2 inside the model, random flips and rotations as layers, `fit` over photographs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from training.libraries import keras
from training.network.backbones.weights import load_backbone

BATCH, VALIDATION_SHARE = 32, 0.15


def main() -> None:
    """Train on DATA/train, measure on DATA/test."""
    data, (size, epochs, seed) = Path(sys.argv[1]), map(int, sys.argv[2:5])
    training, validation = (photographs(data / "train", size, seed, p) for p in ("training", "validation"))
    model = recipe(size, len(training.class_names), seed)
    model.fit(training, validation_data=validation, epochs=epochs, verbose=0)
    _, accuracy = model.evaluate(photographs(data / "test", size, seed), verbose=0)
    print(json.dumps({"accuracy": accuracy}))


def photographs(folder: Path, size: int, seed: int, part: str | None = None) -> Any:
    """The photographs of a folder of class folders, resized as Keras does by default."""
    split = (
        {"validation_split": VALIDATION_SHARE, "subset": part, "seed": seed} if part else {"shuffle": False}
    )
    return keras().utils.image_dataset_from_directory(
        folder, image_size=(size, size), batch_size=BATCH, verbose=False, **split
    )


def recipe(size: int, labels: int, seed: int) -> Any:
    """Flips and rotations → frozen backbone → pooling → dropout → softmax; Adam at its default rate."""
    k = keras()
    k.utils.set_random_seed(seed)
    backbone = load_backbone("mobilenet_v2", size, "imagenet", seed).model
    backbone.trainable = False
    pixels = k.Input((size, size, 3))
    changed = k.layers.RandomRotation(0.1)(k.layers.RandomFlip("horizontal")(pixels))
    features = k.layers.Dropout(0.2)(backbone(changed, training=False))
    model = k.Model(pixels, k.layers.Dense(labels, activation="softmax")(features))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    main()
