"""Heat maps and the background warning, on real networks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.preprocess import Image
from tests.support.models.photographs import CLASSES, draw, write
from tests.training.conftest import SIZE_PX, Trained
from training.config import TrainConfig
from training.dataset.load import load_all
from training.head.settings import HeadConfig
from training.libraries import tensorflow
from training.progress import Silent
from training.report.explain import make_explainer
from training.report.occlusion import PLACES, OcclusionResult, OcclusionSample, by_label, corner_heat, cover
from training.report.pictures import choose_sample, look, with_heat, worst_mistakes
from training.train import train
from training.trained_run import TrainedRun, read_trained


@pytest.fixture(scope="module")
def network(trained: Trained) -> TrainedRun:
    """The session's run with its network."""
    return read_trained(trained.run)


def _pictures(network: TrainedRun, count: int) -> list[Image]:
    return list(load_all([item.path for item in network.split.test[:count]], network.config.spec))


def test_the_heat_is_that_of_grad_cam(network: TrainedRun) -> None:
    """The gradient of a label's logit by the feature map, averaged and weighed: Selvaraju et al. 2017."""
    explainer = make_explainer(network, temperature=1.0)
    assert explainer is not None
    tf, pictures = tensorflow(), _pictures(network, 3)
    maps = tf.constant(explainer.maps(pictures))
    for label in range(len(network.split.labels)):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            pooled = tf.reduce_mean(maps, axis=(1, 2))
            logits = pooled @ network.head.kernel + network.head.bias
            wanted = tf.reduce_sum(logits[:, label])
        weights = tf.reduce_mean(tape.gradient(wanted, maps), axis=(1, 2), keepdims=True)
        expected = np.maximum(tf.reduce_sum(weights * maps, axis=-1).numpy(), 0) * np.prod(maps.shape[1:3])
        found = np.stack([explainer.heat(one, label) for one in maps.numpy()])
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_the_explainer_says_what_the_network_says(network: TrainedRun) -> None:
    explainer, pictures = make_explainer(network, temperature=1.0), _pictures(network, 4)
    assert explainer is not None
    expected = network.model.predict(np.stack(pictures).astype(np.float32), verbose=0)
    np.testing.assert_allclose(explainer.scores(explainer.maps(pictures)), expected, atol=1e-4)


def test_heat_that_is_spread_evenly_is_one_in_each_corner() -> None:
    for cells in (3, 4, 5, 7):
        np.testing.assert_allclose(corner_heat(np.ones((cells, cells), np.float32)), 1, rtol=1e-5)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 3] = 2.0
    assert corner_heat(heat).tolist() == [0, 16, 0, 0]
    assert corner_heat(np.zeros((3, 3), np.float32)).tolist() == [0, 0, 0, 0]


def test_covering_changes_one_place_only() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    changed = cover(image, "bottom left")
    assert (changed[30:, :15] == image.mean(axis=(0, 1)).round().astype(np.uint8)).all()
    changed[30:, :15] = image[30:, :15]
    assert (changed == image).all()
    assert set(PLACES) - {"centre"} == {"top left", "top right", "bottom left", "bottom right"}


def _results(losses: list[list[float]]) -> tuple[OcclusionResult, ...]:
    heat = np.ones((3, 3), np.float32)
    return by_label(OcclusionSample("a", heat, np.array(row, np.float32)) for row in losses)


def test_a_warning_needs_a_corner_that_surely_matters_more_than_the_centre() -> None:
    assert _results([[0, 0.9, 0, 0, 0.1]] * 5)[0].warns
    assert "top right" in _results([[0, 0.9, 0, 0, 0.1]] * 5)[0].text
    assert not _results([[0, 0.9, 0, 0, 0.1]] * 4)[0].warns
    assert not _results([[0, 0.4, 0, 0, 0.35]] * 9)[0].warns  # as much of the centre: a texture, no mark
    assert not _results([[0, 0.6, 0, 0, 0.0], *[[0, 0.0, 0, 0, 0.0]] * 4])[0].warns
    assert not _results([[0, 0.05, 0, 0, 0.0]] * 50)[0].warns


def _marked(root: Path) -> Path:
    """Two classes of the same pictures; those of `stamped` have a striped patch in the top right corner."""
    rng = np.random.default_rng(3)
    for number in range(120):
        image = draw(CLASSES[int(rng.integers(3))], rng, 128)
        if number % 2:
            image[:26, -26:] = 0
            image[:26, -26::8] = image[:26, -25::8] = image[:26, -24::8] = (0, 255, 255)
        write(root / ("stamped" if number % 2 else "clean") / f"{number:03d}.png", image)
    return root


@pytest.mark.proof
def test_a_mark_in_a_corner_that_gives_the_class_away_is_warned_of(tmp_path: Path, trained: Trained) -> None:
    data = _marked(tmp_path / "photos")
    config = TrainConfig(
        data=data, backbone="efficientnet_lite0", size=SIZE_PX, head=HeadConfig(epochs=30), test_share=0.25
    )
    network = read_trained(train(config, tmp_path / "runs", "marked", Silent()))
    scores = np.eye(2, dtype=np.float32)[network.split.targets("test")]
    results = {result.label: result for result in look(network, scores, 1.0, Silent()).occlusion}
    assert results["stamped"].warns
    assert results["stamped"].worst == "top right"
    assert not results["clean"].warns


def test_no_mark_no_warning(network: TrainedRun) -> None:
    scores = np.eye(3, dtype=np.float32)[network.split.targets("test")]
    pictures = look(network, scores, 1.0, Silent())
    assert pictures.explained
    assert {result.label for result in pictures.occlusion} == set(network.split.labels)
    assert not any(result.warns for result in pictures.occlusion)
    assert pictures.mistakes == ()


def test_the_surest_mistakes_come_first() -> None:
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], np.float32)
    assert worst_mistakes(scores, np.array([1, 1, 0, 1])) == [0, 2, 1]
    assert worst_mistakes(scores, np.array([1, 1, 0, 1]), most=1) == [0]
    assert choose_sample(3) == [0, 1, 2]
    assert len(set(choose_sample(1000))) == 100
    assert choose_sample(1000) == choose_sample(1000)


def test_heat_is_drawn_where_it_is() -> None:
    image = np.full((32, 32, 3), 100, np.uint8)
    heat = np.zeros((2, 2), np.float32)
    heat[0, 0] = 5
    drawn = with_heat(image, heat)
    assert drawn[0, 0, 2] > 180
    assert (drawn[-1, -1] == 100).all()
    assert (with_heat(image, np.zeros((2, 2), np.float32)) == 100).all()
    assert cv2.imencode(".jpg", drawn)[0]
