"""STAGE 2: one picture in, one score a label out, by the model file's own rules."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from edge import preprocess
from edge.errors import ImageError, ModelError
from edge.interpreter import Network, RuntimeName
from edge.model_file import ModelFile
from edge.preprocess import Image, PreprocessSpec
from edge.records import Scores, ranked

DEFAULT_THRESHOLD = 0.5


class Classifier:
    """A model file ready to classify pictures.

    `spec` says how a picture becomes the input; `threshold` is the score below which the answer is
    unknown; `runtime` names the library that runs the network, with its version.
    """

    def __init__(self, model: ModelFile, *, threads: int = 1, runtime: RuntimeName = "auto") -> None:
        """Raises ModelError where the network is no image classifier or disagrees with its labels."""
        self._network = Network(model.network, threads=threads, runtime=runtime)
        self.runtime = self._network.runtime
        self.model = model
        self.labels = model.labels
        self.spec = _input_spec(model, self._network)
        self.threshold = model.manifest.threshold if model.manifest else DEFAULT_THRESHOLD
        _check_output(model, self._network)

    def classify(self, image: Image) -> Scores:
        """Scores of one uint8 BGR picture of shape (height, width, 3), prepared in the input tensor."""
        started = time.perf_counter()
        self._fill(image)
        return self._run(started)

    def classify_prepared(self, pixels: Image) -> Scores:
        """Scores of one picture that `preprocess.prepare` has already turned into the input's shape."""
        started = time.perf_counter()
        self._network.input_view()[0] = pixels
        return self._run(started)

    def _fill(self, image: Image) -> None:
        preprocess.prepare(image, self.spec, out=self._network.input_view()[0])

    def _run(self, started: float) -> Scores:
        prepared = time.perf_counter()
        self._network.invoke()
        values = self._network.output_values().reshape(-1)
        done = time.perf_counter()
        return Scores(values, (prepared - started) * 1e3, (done - prepared) * 1e3)


def run_selftest(classifier: Classifier) -> float | None:
    """Replay the pictures in the model file; the largest score difference, or None if there are none.

    Raises ModelError where a decision differs from the packing machine's, or a score by more than the
    file's tolerance.
    """
    selftest = classifier.model.selftest
    if selftest is None or not selftest.vectors:
        return None
    worst = 0.0
    for vector in selftest.vectors:
        try:
            image = preprocess.decode(classifier.model.selftest_images[vector.image], vector.image)
        except ImageError as error:
            raise _selftest_failure(classifier, str(error)) from error
        values = classifier.classify(image).values
        expected = np.asarray(vector.scores, np.float32)
        if expected.shape != values.shape:
            why = f"{vector.image} has {expected.size} scores, not {values.size}"
            raise _selftest_failure(classifier, why)
        difference = float(np.abs(values - expected).max())
        if difference > selftest.tolerance or values.argmax() != expected.argmax():
            found, wanted = ranked(classifier.labels, values)[0], ranked(classifier.labels, expected)[0]
            why = (
                f"{vector.image} gives {found.label} {found.score:.3f}, "
                f"packed as {wanted.label} {wanted.score:.3f}"
            )
            raise _selftest_failure(classifier, why)
        worst = max(worst, difference)
    return worst


def _selftest_failure(classifier: Classifier, why: str) -> ModelError:
    what = f"the model {classifier.model.path} fails its self-test on {classifier.runtime}"
    return ModelError(what, why, "make it again with `make quantize`, or try another --runtime")


def _input_spec(model: ModelFile, network: Network) -> PreprocessSpec:
    shape, dtype = network.input.shape, network.input.dtype
    what = f"can't use the model {model.path}"
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
        raise ModelError(
            what, f"its input has shape {_by(shape)}", "an image classifier takes 1×height×width×3"
        )
    if dtype != np.uint8:
        advice = "quantize it to uint8 input; other inputs can't be guessed right"
        raise ModelError(what, f"its input is {dtype}, not uint8 RGB", advice)
    if model.manifest is None:
        return PreprocessSpec(width=shape[2], height=shape[1])
    spec = model.manifest.preprocess.spec()
    if (spec.height, spec.width) != (shape[1], shape[2]):
        raise ModelError(what, f"its manifest says {spec.width}×{spec.height}, its input is {_by(shape)}")
    if (network.input.scale, network.input.zero_point) != (1.0, 0):
        raise ModelError(what, f"its input scale is {network.input.scale:g}, not 1", "make it again")
    return spec


def _check_output(model: ModelFile, network: Network) -> None:
    count = int(np.prod(network.output.shape))
    if not model.labels:
        what = f"the model {model.path} carries no labels"
        raise ModelError(what, f"it has {count} outputs", f"give --labels FILE with {count} lines")
    if len(model.labels) != count:
        what = f"the model {model.path} disagrees with its labels"
        raise ModelError(what, f"{count} outputs, {len(model.labels)} labels", f"give {count} labels")


def _by(shape: tuple[Any, ...]) -> str:
    return "×".join(str(size) for size in shape)
