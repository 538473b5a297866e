"""The classical baseline: SIFT bag of words and colours, and a linear support vector machine.

It needs no network and no ImageNet weights, and is there to be compared with; it stays on the workstation.
Visual words: Csurka et al., "Visual categorization with bags of keypoints", 2004; square roots of their
descriptors: Arandjelović and Zisserman, "Three things everyone should know", 2012.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from training.errors import DataError
from training.parallel import core_count, spread

Float = NDArray[np.float32]
Int = NDArray[np.int64]
Images = NDArray[np.uint8]

DESCRIPTOR_SIZE = 128
# Visual words: far fewer than there are descriptors in a small set of photographs.
WORDS = 300
# Descriptors that the words are made from; their number bounds the time.
WORD_SAMPLE = 30_000
# Of the words, against the colours.
WORDS_WEIGHT = 2.0
# Hue, saturation and value; hue tells the most.
COLOUR_BINS = (8, 4, 4)
COLOUR_RANGES = (0, 180, 0, 256, 0, 256)
COLOUR_GRID = 2
COLOURS = COLOUR_GRID**2 * math.prod(COLOUR_BINS)
STRENGTHS = (0.01, 0.1, 1.0, 10.0)
MAX_ITERATIONS = 5000
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline: words float32 (count, 128), kernel (features, labels), bias (labels,).

    strength is the SVM's C that did best on validation, val_accuracy how well.
    """

    words: Float
    kernel: Float
    bias: Float
    strength: float
    val_accuracy: float

    def scores(self, images: Images) -> Float:
        """Distances to each label's margin, float32 (n, labels), of uint8 RGB (n, h, w, 3)."""
        return describe(images, self.words) @ self.kernel + self.bias

    def predict(self, images: Images) -> Int:
        """Label numbers (n,) of uint8 RGB (n, h, w, 3)."""
        labels: Int = self.scores(images).argmax(axis=1)
        return labels

    @property
    def size_bytes(self) -> int:
        """What a device would have to store."""
        return self.words.nbytes + self.kernel.nbytes + self.bias.nbytes

    def latency_ms(self, image: Image, repeats: int = 20) -> float:
        """The median time for one picture, uint8 RGB (h, w, 3), on one core."""
        times = []
        with _one_thread():
            for _ in range(repeats):
                started = time.perf_counter()
                _ = _feature(image, _descriptors(image), self.words) @ self.kernel + self.bias
                times.append(time.perf_counter() - started)
        return 1000 * float(np.median(times))


def fit_baseline(
    train_images: Images, train_labels: Int, val_images: Images, val_labels: Int, seed: int
) -> Baseline:
    """Fit on uint8 RGB (n, h, w, 3) and label numbers (n,); the SVM's strength is chosen on validation.

    Uneven classes weigh alike. Deterministic in its data and the seed. Raises DataError where there is
    nothing to tell apart.
    """
    if len(np.unique(train_labels)) < 2:
        raise DataError("can't fit the baseline", "all photographs have one label", "add another class")
    sift = _all_descriptors(train_images)
    words = make_words(sift, seed)
    pairs = zip(train_images, sift, strict=True)
    with _one_thread():
        train = np.stack([_feature(image, descriptors, words) for image, descriptors in pairs])
    val = describe(val_images, words)
    fits = []
    for strength in STRENGTHS:
        kernel, bias = _fit_svm(train, train_labels, strength, seed)
        right = (val @ kernel + bias).argmax(axis=1) == val_labels
        fits.append(Baseline(words, kernel, bias, strength, float(right.sum()) / max(1, len(right))))
    return max(fits, key=lambda fit: fit.val_accuracy)  # the first of equals: the widest margin


def make_words(descriptors: Sequence[Float], seed: int) -> Float:
    """The visual words, float32 (up to WORDS, 128): the centres of clusters of descriptors."""
    from sklearn.cluster import MiniBatchKMeans

    rows = np.concatenate(descriptors)
    chosen = np.random.default_rng(seed).permutation(len(rows))[:WORD_SAMPLE]
    count = min(WORDS, len(np.unique(rows[chosen], axis=0)))
    clusters = MiniBatchKMeans(count, random_state=seed, n_init=1, max_iter=10)
    with _one_thread():
        words: Float = clusters.fit(rows[chosen]).cluster_centers_.astype(np.float32)
    return words


def describe(images: Images, words: Float) -> Float:
    """Features, float32 (n, words + COLOURS), of uint8 RGB (n, h, w, 3)."""
    found = zip(images, _all_descriptors(images), strict=True)
    with _one_thread():
        rows = [_feature(image, descriptors, words) for image, descriptors in found]
    return np.reshape(rows, (len(images), len(words) + COLOURS)).astype(np.float32)


def _feature(image: Image, descriptors: Float, words: Float) -> Float:
    # the nearest word has the smallest |w|²/2 − d·w
    nearest = (np.square(words).sum(axis=1) / 2 - descriptors @ words.T).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(words)) / len(descriptors)
    return np.concatenate((WORDS_WEIGHT * np.sqrt(counts), _colours(image))).astype(np.float32)


def _all_descriptors(images: Images) -> list[Float]:
    with _one_thread():
        return spread(range(core_count()), list(images), lambda _, image: _descriptors(image))


def _descriptors(image: Image) -> Float:
    """Square roots of SIFT descriptors scaled to a sum of 1, (n, 128); one of zeros without any point."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found: Any = cv2.SIFT.create().detectAndCompute(grey, None)[1]  # its stub does not know None
    if found is None:
        return np.zeros((1, DESCRIPTOR_SIZE), np.float32)
    rooted: Float = np.sqrt(found / (found.sum(axis=1, keepdims=True) + TINY))
    return rooted


def _colours(image: Image) -> NDArray[np.float64]:
    """Square roots of the colours' shares in each quarter of the picture."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    parts = [part for row in np.array_split(hsv, COLOUR_GRID) for part in _columns(row)]
    counts = [
        cv2.calcHist([part], [0, 1, 2], None, list(COLOUR_BINS), list(COLOUR_RANGES)).ravel()
        for part in parts
    ]
    shares: NDArray[np.float64] = np.sqrt(np.concatenate([count / count.sum() for count in counts]))
    return shares


def _columns(row: NDArray[Any]) -> list[NDArray[Any]]:
    return [np.ascontiguousarray(part) for part in np.array_split(row, COLOUR_GRID, axis=1)]


def _fit_svm(features: Float, labels: Int, strength: float, seed: int) -> tuple[Float, Float]:
    """Kernel (features, labels) and bias (labels,); a label without photographs never wins."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=strength, class_weight="balanced", random_state=seed, max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(features, labels)
    rows, bias = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:
        rows, bias = np.concatenate((-rows, rows)), np.concatenate((-bias, bias))
    label_count = int(labels.max()) + 1
    kernel = np.zeros((features.shape[1], label_count), np.float32)
    all_bias = np.full(label_count, -np.inf, np.float32)
    kernel[:, machine.classes_], all_bias[machine.classes_] = rows.T, bias
    return kernel, all_bias


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let OpenCV and BLAS use one thread: `spread` has more, a device's core is one, and sums stay alike."""
    from threadpoolctl import threadpool_limits

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(before)
