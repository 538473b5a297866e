"""Makes the golden models: real int8 networks that tell red, green and blue pictures apart.

colours.tflite has scores only; familiar.tflite says as well how familiar a picture is, and finds grey ones
unfamiliar; slow.tflite decides as colours.tflite does, but takes its time. They need TensorFlow; the device's
tests need only the files.
Run: python -m tests.support.models.make_golden [colours|familiar|slow]
"""

from __future__ import annotations

import datetime
import hashlib
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from edge.infer.classifier import Classifier
from edge.model import manifest, model_file
from edge.preprocess import PreprocessSpec, encode_png
from training.fit.trained_network import shipped_network
from training.head.softmax_head import Head
from training.network.convert import to_uint8
from training.packing.metadata import Description, with_metadata

GOLDEN = Path(__file__).parents[2] / "golden"
LIMIT, TYPICAL = 0.8, 0.95
LABELS = ("blue", "green", "red")
SIZE = 32
BGR = {"blue": (200, 40, 40), "green": (40, 200, 40), "red": (40, 40, 200)}


def network(name: str) -> bytes:
    """Mean colour → softmax, and the cosine with pure colours: written down, nothing is trained."""
    inputs = tf.keras.Input((SIZE, SIZE, 3), batch_size=1)
    pixels = tf.keras.layers.Rescaling(1 / 255)(inputs)
    if name == "slow":
        pixels = tf.keras.layers.UpSampling2D(16, interpolation="bilinear")(pixels)
        for _ in range(6):
            pixels = tf.keras.layers.AveragePooling2D(5, strides=1, padding="same")(pixels)
    mean = tf.keras.layers.GlobalAveragePooling2D()(pixels)
    kernel, bias = np.eye(3, dtype=np.float32)[:, ::-1] * 8, np.zeros(3, np.float32)
    colours = [(0, 0, 0), (255, 255, 255), *(colour[::-1] for colour in BGR.values())]
    sample = np.stack([np.full((SIZE, SIZE, 3), colour, np.uint8) for colour in colours])
    if name == "familiar":
        centres = np.array([colour[::-1] for colour in BGR.values()], np.float32)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        model = shipped_network(tf.keras.Model(inputs, mean), Head(kernel, bias, centres), least_length=0.4)
        about = Description(name, "1", "colours, with familiarity", SIZE, SIZE)
        return with_metadata(to_uint8(model, sample), about)
    dense = tf.keras.layers.Dense(3, activation="softmax")
    model = tf.keras.Model(inputs, dense(mean))
    dense.set_weights([kernel, bias])
    return to_uint8(model, sample)


def picture(label: str) -> np.ndarray:
    """A 48×64 picture mostly of one colour."""
    noise = np.random.default_rng(LABELS.index(label)).integers(-30, 30, (48, 64, 3))
    return np.clip(np.array(BGR[label]) + noise, 0, 255).astype(np.uint8)


def _manifest(name: str, content: bytes) -> manifest.Manifest:
    perfect = manifest.Accuracy(accuracy=1.0, count=len(LABELS))
    limit = manifest.Familiarity(output="familiarity", threshold=LIMIT, typical=TYPICAL)
    familiar = {"familiarity": limit, "unknown_rule": "threshold+familiarity"} if name == "familiar" else {}
    return manifest.Manifest(
        name=name,
        **familiar,
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


def make(name: str) -> None:
    """Write a file, with the scores that this machine gets as its self-test."""
    content, path = network(name), GOLDEN / f"{name}.tflite"
    described = _manifest(name, content)
    images = {f"selftest/{label}.png": encode_png(picture(label)) for label in LABELS}
    bare = model_file.ModelFile(path, content, described.model_sha256, LABELS, described, None, images)
    classifier = Classifier(bare)
    vectors = []
    for label in LABELS:
        found = classifier.classify(picture(label))
        assert LABELS[found.values.argmax()] == label, (label, found.values)
        vectors.append(
            manifest.SelftestVector(
                image=f"selftest/{label}.png",
                scores=tuple(map(float, found.values)),
                familiarity=found.familiarity,
            )
        )
    selftest = manifest.Selftest(tolerance=0.1, vectors=tuple(vectors))
    model_file.write_model(path, content, described, selftest, images)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or ("colours", "familiar", "slow"):
        make(wanted)
