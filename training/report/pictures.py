"""Looking at test photographs: the worst mistakes with the heat drawn in, and a sample for the corners."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError
from edge.preprocess import Image
from training.dataset.load import load
from training.dataset.split import Item
from training.dataset.thumbnails import image_uri
from training.progress import Reporter
from training.report.explain import Explainer, make_explainer
from training.report.occlusion import PLACES, OcclusionResult, OcclusionSample, by_label, cover
from training.trained_run import TrainedRun

Float = NDArray[np.float32]

# A person looks at a dozen mistakes, the surest first.
MAX_MISTAKES = 12
# Each picture takes six passes through the network, so their number bounds the time.
MAX_SAMPLED = 100
# Large enough to recognise the thing, small enough for a page that carries its pictures in itself.
SIDE_PX = 160
# The same run always shows the same pictures.
SEED = 1
# The picture stays visible under the hottest place.
MAX_COVER = 0.65


@dataclass(frozen=True, slots=True)
class Mistake:
    """A photograph that was called something else; pictures are data URIs, with heat for both labels."""

    file: str
    label: str
    said: str
    confidence: float
    picture: str | None
    heat_said: str | None = None
    heat_label: str | None = None


@dataclass(frozen=True, slots=True)
class PictureResults:
    """What the test photographs showed. explained: whether heat maps were possible at all."""

    mistakes: tuple[Mistake, ...]
    occlusion: tuple[OcclusionResult, ...]
    explained: bool


def look(trained: TrainedRun, scores: Float, temperature: float, reporter: Reporter) -> PictureResults:
    """Draw the worst mistakes and cover the corners; scores (n, labels) are those of the test part."""
    explainer = make_explainer(trained, temperature)
    targets = np.asarray(trained.split.targets("test"), np.int64)
    worst = worst_mistakes(scores, targets)
    sample = choose_sample(len(targets)) if explainer else []
    mistakes, samples = [], []
    with reporter.steps("looking at test photographs", len(worst) + len(sample)) as step:
        for index in worst:
            mistakes.append(_mistake(trained, explainer, index, scores[index]))
            step()
        for index in sample:
            image = _seen(trained, trained.split.test[index])
            if image is not None and explainer is not None:
                samples.append(measure_occlusion(explainer, image, trained.split.labels))
            step()
    return PictureResults(tuple(mistakes), by_label(samples), explainer is not None)


def worst_mistakes(scores: Float, targets: NDArray[np.int64], most: int = MAX_MISTAKES) -> list[int]:
    """Indices of the wrong answers of scores (n, labels), the surest first."""
    wrong = np.flatnonzero(scores.argmax(axis=1) != targets)
    order = np.argsort(-scores[wrong].max(axis=1), kind="stable")
    return [int(index) for index in wrong[order][:most]]


def choose_sample(count: int, most: int = MAX_SAMPLED) -> list[int]:
    """Which of `count` photographs to look at: all, or a seeded sample."""
    if count <= most:
        return list(range(count))
    return sorted(int(i) for i in np.random.default_rng(SEED).choice(count, most, replace=False))


def measure_occlusion(explainer: Explainer, image: Image, labels: tuple[str, ...]) -> OcclusionSample:
    """The heat of one uint8 RGB picture for its answer, and what covering each place costs that."""
    maps = explainer.maps([image, *(cover(image, place) for place in PLACES)])
    scores = explainer.scores(maps)
    said = int(scores[0].argmax())
    return OcclusionSample(labels[said], explainer.heat(maps[0], said), scores[0, said] - scores[1:, said])


def with_heat(image: Image, heat: Float) -> Image:
    """A grey copy of a picture, uint8 BGR, with heat (h, w) laid over it from yellow to red."""
    height, width = image.shape[:2]
    strength = cv2.resize(
        heat / max(float(heat.max()), 1e-9), (width, height), interpolation=cv2.INTER_LINEAR
    )
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    share = strength[..., None]
    colour = np.concatenate([np.zeros_like(share), 230 * (1 - share), np.full_like(share, 255)], axis=2)
    cover = MAX_COVER * share**1.5
    return np.asarray(np.rint(grey * (1 - cover) + colour * cover), np.uint8)


def _mistake(trained: TrainedRun, explainer: Explainer | None, index: int, scores: Float) -> Mistake:
    item, labels, said = trained.split.test[index], trained.split.labels, int(scores.argmax())
    image = _seen(trained, item)
    what = (item.path.name, item.label, labels[said], float(scores[said]))
    if image is None:
        return Mistake(*what, picture=None)
    shown = np.ascontiguousarray(image[..., ::-1])
    if explainer is None:
        return Mistake(*what, image_uri(shown, SIDE_PX))
    maps = explainer.maps([image])[0]
    heats = (explainer.heat(maps, label) for label in (said, labels.index(item.label)))
    return Mistake(
        *what, image_uri(shown, SIDE_PX), *(image_uri(with_heat(shown, heat), SIDE_PX) for heat in heats)
    )


def _seen(trained: TrainedRun, item: Item) -> Image | None:
    """A photograph as the network sees it, uint8 RGB; None where the file is gone."""
    try:
        return load(item.path, trained.config.spec)
    except ImageError:
        return None
