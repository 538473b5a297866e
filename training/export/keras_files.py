"""Keras' own format, its older HDF5, and TensorFlow's SavedModel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.export.exchange import INPUT, OUTPUT, Float, Loaded, Pixels, Source, quietly
from training.export.serving import serving
from training.libraries import keras, tensorflow

SIGNATURE = "serving_default"


def write_keras(source: Source, path: Path) -> None:
    """The network as a `.keras` or `.h5` file, by the path's suffix; raises ExportError."""
    with quietly(f"Keras can't write {path.name}"):
        source.model.save(path)


def load_keras(path: Path) -> Loaded:
    """A `.keras` or `.h5` file, in safe mode and without any custom objects; raises ExportError."""
    k = keras()
    with quietly(f"Keras can't load {path.name}"):
        model = k.saving.load_model(path, compile=False, safe_mode=True)

    def scores(pixels: Pixels) -> Float:
        return np.asarray(model.predict_on_batch(pixels.astype(np.float32)), np.float32)

    return Loaded("keras", k.__version__, scores)


def write_saved_model(source: Source, path: Path) -> None:
    """The network as a SavedModel folder with a serving signature, pixels → scores; raises ExportError."""
    tf = tensorflow()
    with quietly("TensorFlow can't write the SavedModel"):
        serve = serving(source.model, batch=None)
        tf.saved_model.save(serve.module, str(path), signatures={SIGNATURE: serve.concrete()})


def load_saved_model(path: Path) -> Loaded:
    """A SavedModel folder by its serving signature; raises ExportError."""
    tf = tensorflow()
    with quietly("TensorFlow can't load the SavedModel"):
        loaded = tf.saved_model.load(str(path))

    def scores(pixels: Pixels) -> Float:
        # by way of `loaded`: a signature alone does not keep its variables alive
        serve = loaded.signatures[SIGNATURE]
        return np.asarray(serve(**{INPUT: tf.constant(pixels, tf.float32)})[OUTPUT])

    return Loaded("tensorflow", tf.__version__, scores)
