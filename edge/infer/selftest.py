"""The self-test of a model file: does this machine decide as the packing machine did?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge import preprocess
from edge.errors import ImageError, ModelError
from edge.infer.classifier import Classifier
from edge.model.manifest import SelftestVector
from edge.records import ranked


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
