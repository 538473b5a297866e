"""TFLite in four precisions: three made here for other people's tools, int8 as it was shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.model_file import read_model
from edge.records import ModelInput
from training.export.exchange import Float, Loaded, Pixels, Source, quietly
from training.export.serving import serving
from training.features.extract import make_interpreters, run_on
from training.libraries import tensorflow
from training.parallel import core_count, spread

Precision = Literal["float32", "float16", "dynamic"]


def write_tflite(source: Source, path: Path, precision: Precision) -> None:
    """The network with weights as they are, in float16, or in int8 with a range each; raises ExportError.

    Input and output are float32, with the signature pixels → scores for one picture.
    """
    tf = tensorflow()
    with quietly(f"TensorFlow can't convert to {path.name}"):
        serve = serving(source.model, batch=1)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.concrete()], serve.module)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())


def load_tflite(path: Path) -> Loaded:
    """A float TFLite file on the device's runtime; raises ModelError."""
    interpreters = make_interpreters(path.read_bytes())
    library, _, version = interpreters[0].runtime.partition(" ")
    return Loaded(library, version, lambda pixels: run_on(interpreters, list(pixels), lambda image: image))


def write_shipped(source: Source, path: Path) -> None:
    """The run's own model.tflite, byte for byte; raises OSError."""
    path.write_bytes(source.shipped.read_bytes())


def load_shipped(path: Path) -> Loaded:
    """A model file as the agent takes it, self-test included; raises ModelError."""
    model = read_model(path)
    classifiers = [Classifier(model) for _ in range(core_count())]
    run_selftest(classifiers[0])
    library, _, version = classifiers[0].runtime.partition(" ")

    def scores(pixels: Pixels) -> Float:
        inputs = [ModelInput(picture) for picture in pixels]
        rows = spread(classifiers, inputs, Classifier.classify_input)
        return np.stack([row.values for row in rows])

    return Loaded(library, version, scores)
