"""STAGE 2: one picture in, one score a label out, by the model file's own rules."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edge import preprocess
from edge.errors import ModelError
from edge.model.coding import Activation, activation_of, encode, probe_pictures, softmax
from edge.model.interpreter import Network, RuntimeName
from edge.model.model_file import ModelFile
from edge.model.tensors import find_tensors, representable
from edge.preprocess import Image
from edge.records import Limits, ModelIdentity, ModelInput, Scores

Float = NDArray[np.float32]

DEFAULT_THRESHOLD = 0.5


class Classifier:
    """A model file ready to classify pictures.

    `spec` and `coding` say how a picture becomes the input, `activation` what makes the outputs scores,
    `labels` whose scores they are; `runtime` names the library that runs the network, with its version.
    `limits` are what an answer must reach, else it is unknown: the model's own until somebody sets others.
    """

    def __init__(self, model: ModelFile, *, threads: int = 1, runtime: RuntimeName = "auto") -> None:
        """Raises ModelError where the network is no image classifier or disagrees with its labels."""
        self._network = Network(model.network, threads=threads, runtime=runtime)
        self._tensors = find_tensors(model, self._network)
        self.runtime = self._network.runtime
        self.model = model
        self.labels = self._tensors.labels
        self.spec, self.coding = self._tensors.spec, self._tensors.coding
        self.limits = _limits(model)
        self._table = self.coding.table()
        self._pixels = np.empty((self.spec.height, self.spec.width, 3), np.uint8)
        self.activation = self._find_activation()

    @property
    def threshold(self) -> float:
        """The score below which the answer is unknown, where a label has no threshold of its own."""
        return self.limits.threshold

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is, for those who get its decisions."""
        return ModelIdentity(self.model.name, self.model.version, self.model.sha256)

    @property
    def background(self) -> int | None:
        """The output that stands for none of the labels; where it is the highest, every score is 0."""
        return self._tensors.background

    def classify(self, image: Image) -> Scores:
        """Scores of one uint8 BGR picture of shape (height, width, 3), prepared in the input tensor."""
        started = time.perf_counter()
        if self._table is None:
            preprocess.prepare(image, self.spec, out=self._network.input_view()[0])
        else:
            self._put(preprocess.prepare(image, self.spec, out=self._pixels))
        return self._run(started)

    def classify_input(self, prepared: ModelInput) -> Scores:
        """Scores of one picture that `preprocess.prepare` has already turned into the input's shape."""
        started = time.perf_counter() - prepared.prepare_ms / 1e3
        self._put(prepared.pixels)
        return self._run(started)

    def _put(self, pixels: Image) -> None:
        if self._table is None:
            self._network.input_view()[0] = pixels
        else:
            encode(pixels, self._table, self._network.input_view()[0])

    def _run(self, started: float) -> Scores:
        prepared = time.perf_counter()
        self._network.invoke()
        values = self._scores(self._network.output_values(self._tensors.scores).reshape(-1))
        familiarity = None
        if self._tensors.familiarity is not None:
            familiarity = float(self._network.output_values(self._tensors.familiarity).reshape(-1)[0])
        done = time.perf_counter()
        return Scores(values, (prepared - started) * 1e3, (done - prepared) * 1e3, familiarity)

    def _scores(self, values: Float) -> Float:
        values = softmax(values) if self.activation == "softmax" else values.clip(0, 1)
        background = self._tensors.background
        if background is None:
            return values
        is_nothing = values.argmax() == background
        values = np.delete(values, background)
        return np.zeros_like(values) if is_nothing else values

    def _find_activation(self) -> Activation:
        """The manifest's; of a file from elsewhere, what its answers to a few made-up pictures look like."""
        manifest, output = self.model.manifest, self._tensors.scores
        if manifest is not None:
            return manifest.coding.activation if manifest.coding else "none"
        rows = []
        for pixels in probe_pictures(self.spec.height, self.spec.width):
            self._put(pixels)
            self._network.invoke()
            rows.append(self._network.output_values(output).reshape(-1))
        found = np.stack(rows)
        if not np.isfinite(found).all():
            why, advice = "its scores are no numbers", "give other --mean and --std, or another file"
            raise ModelError(f"can't use the model {self.model.path}", why, advice)
        return activation_of(found, representable(output))


def _limits(model: ModelFile) -> Limits:
    manifest = model.manifest
    if manifest is None:
        return Limits(DEFAULT_THRESHOLD)
    if manifest.familiarity is None:
        return Limits(manifest.threshold, manifest.class_thresholds)
    limit = manifest.familiarity.threshold
    scale = max(0.0, manifest.familiarity.typical - limit)
    return Limits(manifest.threshold, manifest.class_thresholds, limit, scale)
