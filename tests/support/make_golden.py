"""Makes tests/golden/colours.tflite: a real int8 network that tells red, green and blue pictures apart.

It needs TensorFlow; the device's tests need only the file. Run: python -m tests.support.make_golden
"""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from edge import manifest, model_file
from edge.infer import Classifier
from edge.preprocess import PreprocessSpec, encode_png
from training.convert import to_uint8

GOLDEN = Path(__file__).parents[1] / "golden" / "colours.tflite"
LABELS = ("blue", "green", "red")
SIZE = 32
BGR = {"blue": (200, 40, 40), "green": (40, 200, 40), "red": (40, 40, 200)}


def network() -> bytes:
    """Mean colour → softmax: the weights are written down, nothing is trained."""
    inputs = tf.keras.Input((SIZE, SIZE, 3), batch_size=1)
    mean = tf.keras.layers.GlobalAveragePooling2D()(tf.keras.layers.Rescaling(1 / 255)(inputs))
    dense = tf.keras.layers.Dense(3, activation="softmax")
    model = tf.keras.Model(inputs, dense(mean))
    dense.set_weights([np.eye(3, dtype=np.float32)[:, ::-1] * 8, np.zeros(3, np.float32)])
    colours = [(0, 0, 0), (255, 255, 255), *(colour[::-1] for colour in BGR.values())]
    return to_uint8(model, np.stack([np.full((SIZE, SIZE, 3), colour, np.uint8) for colour in colours]))


def picture(label: str) -> np.ndarray:
    """A 48×64 picture mostly of one colour."""
    noise = np.random.default_rng(LABELS.index(label)).integers(-30, 30, (48, 64, 3))
    return np.clip(np.array(BGR[label]) + noise, 0, 255).astype(np.uint8)


def _manifest(content: bytes) -> manifest.Manifest:
    perfect = manifest.Accuracy(accuracy=1.0, count=len(LABELS))
    return manifest.Manifest(
        name="colours",
        version="1",
        model_sha256=hashlib.sha256(content).hexdigest(),
        labels=LABELS,
        preprocess=manifest.Preprocess.of(PreprocessSpec(SIZE, SIZE)),
        input=manifest.TensorQuantization(dtype="uint8", scale=1.0, zero_point=0),
        output=manifest.TensorQuantization(dtype="uint8", scale=1 / 256, zero_point=0),
        threshold=0.5,
        metrics=manifest.Metrics(float_=perfect, int8=perfect, agreement=1.0),
        provenance=manifest.Provenance(
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            backbone="none",
            weights="written down",
            seed=0,
            run="golden",
            dataset_sha256="0" * 64,
            dataset_counts=dict.fromkeys(LABELS, 1),
            libraries={"tensorflow": tf.__version__},
        ),
    )


def main() -> None:
    """Write the file, with the scores that this machine gets as its self-test."""
    content = network()
    described = _manifest(content)
    images = {f"selftest/{label}.png": encode_png(picture(label)) for label in LABELS}
    bare = model_file.ModelFile(GOLDEN, content, described.model_sha256, LABELS, described, None, images)
    classifier = Classifier(bare)
    vectors = []
    for label in LABELS:
        values = classifier.classify(picture(label)).values
        assert LABELS[values.argmax()] == label, (label, values)
        vectors.append(
            manifest.SelftestVector(image=f"selftest/{label}.png", scores=tuple(map(float, values)))
        )
    selftest = manifest.Selftest(tolerance=0.1, vectors=tuple(vectors))
    model_file.write_model(GOLDEN, content, described, selftest, images)


if __name__ == "__main__":
    main()
