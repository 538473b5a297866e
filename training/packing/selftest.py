"""The pictures inside a model file by which a device proves that it decides as the packing machine did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.infer.classifier import Classifier
from edge.model.manifest import Selftest, SelftestVector
from edge.preprocess import Image, PreprocessSpec, encode_png, read_image
from training.dataset.camera_simulation import shrunk
from training.dataset.split import Item

Float = NDArray[np.float32]
SelftestKind = Literal["photos", "synthetic", "none"]

# Kernels round differently: between x86-64 and aarch64, and between LiteRT and tflite-runtime, scores were
# up to 0.3 apart where the network wavers, 0.16 at a margin of 0.3, 0.08 at 0.9 (LOG.md). So the surest are
# taken.
TOLERANCE = 0.2
# Familiarity was up to 0.019 apart, both ways.
FAMILIARITY_TOLERANCE = 0.05
# Between the first and the second score, so that another kernel's rounding can't change the decision.
MIN_MARGIN = 0.3
# Each picture adds its size to the model file, and its time to every start of the agent.
MAX_PICTURES = 4
# Few made-up pictures are clear to a network, so the clearest of many are taken.
SYNTHETIC_TRIES = 200


def choose_pictures(items: Sequence[Item], scores: Float, labels: Sequence[str]) -> list[Item]:
    """Up to four held-out photographs, one a label, that the network is sure and right about if possible.

    scores: (n, labels), of the items in their order.
    """
    best_two = np.sort(scores, axis=1)[:, -2:]
    margins = best_two[:, 1] - best_two[:, 0]
    chosen = []
    for number, label in enumerate(labels):
        own = [i for i, item in enumerate(items) if item.label == label]
        right = [i for i in own if scores[i].argmax() == number and margins[i] >= MIN_MARGIN]
        if right:
            chosen.append(max(right, key=lambda i: margins[i]))
    chosen.sort(key=lambda i: -margins[i])
    return [items[i] for i in chosen[:MAX_PICTURES]]


def synthetic(spec: PreprocessSpec, seed: int) -> Image:
    """A picture of nobody: smooth random colours, uint8 BGR of the input's size."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (spec.width, spec.height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.uint8)


def make_selftest(
    classifier: Classifier, kind: SelftestKind, items: Sequence[Item]
) -> tuple[Selftest | None, dict[str, bytes]]:
    """The self-test with the scores of this machine, and its PNG pictures by entry name."""
    images = _pictures(classifier, kind, items)
    if not images:
        return None, {}
    entries = {f"selftest/{number}.png": image for number, image in enumerate(images)}
    vectors = tuple(_vector(classifier, name, image) for name, image in entries.items())
    pngs = {name: encode_png(image) for name, image in entries.items()}
    selftest = Selftest(tolerance=TOLERANCE, familiarity_tolerance=FAMILIARITY_TOLERANCE, vectors=vectors)
    return selftest, pngs


def describe_selftest(selftest: Selftest | None, kind: SelftestKind) -> str:
    """A sentence for people who are about to give the model file away."""
    if selftest is None:
        return "the model file carries no self-test" + (
            "" if kind == "none" else ": the network is not sure enough of any held-out picture"
        )
    pictures = len(selftest.vectors)
    if kind == "photos":
        return (
            f"the model file carries {pictures} of your photographs as its self-test; "
            "--selftest synthetic leaves them out"
        )
    return f"the model file carries {pictures} made-up pictures as its self-test"


def _vector(classifier: Classifier, name: str, image: Image) -> SelftestVector:
    found = classifier.classify(image)
    return SelftestVector(image=name, scores=tuple(map(float, found.values)), familiarity=found.familiarity)


def _pictures(classifier: Classifier, kind: SelftestKind, items: Sequence[Item]) -> list[Image]:
    if kind == "none":
        return []
    if kind == "photos":
        return [shrunk(read_image(item.path), classifier.spec) for item in items]
    tries = [synthetic(classifier.spec, seed) for seed in range(SYNTHETIC_TRIES)]
    margins = np.array([_margin(classifier, image) for image in tries])
    surest = np.argsort(-margins, kind="stable")[:MAX_PICTURES]
    return [tries[number] for number in surest if margins[number] >= MIN_MARGIN]


def _margin(classifier: Classifier, image: Image) -> float:
    second, first = np.sort(classifier.classify(image).values)[-2:]
    return float(first - second)
