"""STAGE 2: one picture in, one score a label out, by the model file's own rules."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import preprocess
from edge.errors import ImageError, ModelError
from edge.interpreter import Network, RuntimeName, TensorInfo
from edge.manifest import SelftestVector
from edge.model_file import ModelFile
from edge.preprocess import Image, PreprocessSpec
from edge.records import Limits, Scores, ranked

DEFAULT_THRESHOLD = 0.5


class Classifier:
    """A model file ready to classify pictures.

    `spec` says how a picture becomes the input; `runtime` names the library that runs the network, with its
    version. `limits` are what an answer must reach, else it is unknown: the model's own until somebody sets
    others.
    """

    def __init__(self, model: ModelFile, *, threads: int = 1, runtime: RuntimeName = "auto") -> None:
        """Raises ModelError where the network is no image classifier or disagrees with its labels."""
        self._network = Network(model.network, threads=threads, runtime=runtime)
        self.runtime = self._network.runtime
        self.model = model
        self.labels = model.labels
        self.spec = _input_spec(model, self._network)
        self.limits = _limits(model)
        self._scores = _scores_output(model, self._network)
        self._familiarity = _familiarity_output(model, self._network)

    @property
    def threshold(self) -> float:
        """The score below which the answer is unknown, where a label has no threshold of its own."""
        return self.limits.threshold

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
        values = self._network.output_values(self._scores).reshape(-1)
        familiarity = None
        if self._familiarity is not None:
            familiarity = float(self._network.output_values(self._familiarity).reshape(-1)[0])
        done = time.perf_counter()
        return Scores(values, (prepared - started) * 1e3, (done - prepared) * 1e3, familiarity)


def run_selftest(classifier: Classifier) -> float | None:
    """Replay the pictures in the model file; the largest score difference, or None if there are none.

    Raises ModelError where a decision differs from the packing machine's, or a score or the familiarity by
    more than the file's tolerance.
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
        scores = classifier.classify(image)
        worst = max(worst, _compare_scores(classifier, vector, scores.values, selftest.tolerance))
        _compare_familiarity(classifier, vector, scores.familiarity, selftest.familiarity_tolerance)
    return worst


def _compare_scores(
    classifier: Classifier, vector: SelftestVector, values: NDArray[np.float32], tolerance: float
) -> float:
    """The largest difference to the packed scores; raises ModelError where that is too much."""
    expected = np.asarray(vector.scores, np.float32)
    if expected.shape != values.shape:
        why = f"{vector.image} has {expected.size} scores, not {values.size}"
        raise _selftest_failure(classifier, why)
    difference = float(np.abs(values - expected).max())
    if difference > tolerance or values.argmax() != expected.argmax():
        found, wanted = ranked(classifier.labels, values)[0], ranked(classifier.labels, expected)[0]
        why = (
            f"{vector.image} gives {found.label} {found.score:.3f}, "
            f"packed as {wanted.label} {wanted.score:.3f}"
        )
        raise _selftest_failure(classifier, why)
    return difference


def _compare_familiarity(
    classifier: Classifier, vector: SelftestVector, found: float | None, tolerance: float
) -> None:
    if found is None or vector.familiarity is None:
        return
    if abs(found - vector.familiarity) > tolerance:
        why = f"{vector.image} has familiarity {found:.3f}, packed as {vector.familiarity:.3f}"
        raise _selftest_failure(classifier, why)


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
    # a network that casts its input itself has no scale, which reads as 0
    if network.input.scale not in (0.0, 1.0) or network.input.zero_point != 0:
        raise ModelError(what, f"its input scale is {network.input.scale:g}, not 1", "make it again")
    return spec


def _limits(model: ModelFile) -> Limits:
    manifest = model.manifest
    if manifest is None:
        return Limits(DEFAULT_THRESHOLD)
    if manifest.familiarity is None:
        return Limits(manifest.threshold, manifest.class_thresholds)
    limit = manifest.familiarity.threshold
    scale = max(0.0, manifest.familiarity.typical - limit)
    return Limits(manifest.threshold, manifest.class_thresholds, limit, scale)


def _scores_output(model: ModelFile, network: Network) -> TensorInfo:
    """The output with a value a label, wherever in the network's order it stands."""
    named = model.manifest.familiarity.output if model.manifest and model.manifest.familiarity else None
    outputs = [output for output in network.outputs if output.name != named]
    sizes = [_size(output) for output in outputs]
    counts = " and ".join(map(str, sizes))
    if not model.labels:
        what = f"the model {model.path} carries no labels"
        raise ModelError(what, f"it has {counts} outputs", f"give --labels FILE with {max(sizes)} lines")
    fitting = [output for output, size in zip(outputs, sizes, strict=True) if size == len(model.labels)]
    if not fitting:
        what = f"the model {model.path} disagrees with its labels"
        raise ModelError(what, f"{counts} outputs, {len(model.labels)} labels", f"give {max(sizes)} labels")
    if len(fitting) > 1:
        why = f"{len(fitting)} of its outputs have {len(model.labels)} values"
        raise ModelError(f"can't use the model {model.path}", why, "give one with one output of scores")
    return fitting[0]


def _familiarity_output(model: ModelFile, network: Network) -> TensorInfo | None:
    if model.manifest is None or model.manifest.familiarity is None:
        return None
    name = model.manifest.familiarity.output
    found = [output for output in network.outputs if output.name == name and _size(output) == 1]
    if len(found) != 1:
        why = f"its manifest says that {name!r} gives the familiarity, and there is no such output"
        raise ModelError(f"can't use the model {model.path}", why, "make it again with `make quantize`")
    return found[0]


def _size(output: TensorInfo) -> int:
    return int(np.prod(output.shape))


def _by(shape: tuple[Any, ...]) -> str:
    return "×".join(str(size) for size in shape)
