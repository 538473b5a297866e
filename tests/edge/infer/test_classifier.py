"""The model's own rules: right labels, and refusals that say what to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.interpreter import RuntimeName
from edge.model.manifest import Preprocess, Selftest
from edge.model.model_file import ModelFile, read_model
from edge.preprocess import PreprocessSpec, prepare
from edge.records import ModelInput
from tests.support.cameras.videos import BGR, picture
from tests.support.models.flatbuffer import with_input_type


def changed_selftest(model: ModelFile, **changes: Any) -> ModelFile:
    assert model.selftest is not None
    first, *others = model.selftest.vectors
    vectors = (first.model_copy(update=changes), *others)
    selftest = Selftest(tolerance=model.selftest.tolerance, vectors=vectors)
    return dataclasses.replace(model, selftest=selftest)


@pytest.mark.parametrize("label", BGR)
@pytest.mark.parametrize("size", [(64, 48), (32, 32), (640, 480), (7, 300)])
def test_the_dominating_colour_is_the_label(
    classifier: Classifier, label: str, size: tuple[int, int]
) -> None:
    scores = classifier.classify(picture(label, *size))
    assert classifier.labels[int(scores.values.argmax())] == label
    assert scores.values.sum() == pytest.approx(1, abs=0.02)
    assert scores.inference_ms > 0


def test_a_prepared_picture_gives_the_same_scores(classifier: Classifier) -> None:
    image = np.random.default_rng(1).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    prepared = ModelInput(prepare(image, classifier.spec))
    one, other = classifier.classify(image), classifier.classify_input(prepared)
    assert np.array_equal(one.values, other.values)


def test_scores_are_the_callers_own(classifier: Classifier) -> None:
    red = classifier.classify(picture("red")).values
    before = red.copy()
    classifier.classify(picture("blue"))
    assert np.array_equal(red, before)


def test_the_manifest_says_how_pictures_are_prepared(classifier: Classifier) -> None:
    assert classifier.spec == PreprocessSpec(32, 32, "crop", "pyramid")
    assert classifier.threshold == 0.5


@pytest.mark.parametrize("labels", [("blue", "green"), ("a", "b", "c", "d")])
def test_a_wrong_label_count_is_refused(golden: Path, runtime: RuntimeName, labels: tuple[str, ...]) -> None:
    model = dataclasses.replace(read_model(golden), manifest=None, labels=labels)
    with pytest.raises(ModelError, match=f"3 outputs, {len(labels)} labels; give 3 labels"):
        Classifier(model, runtime=runtime)


def test_a_network_without_labels_says_what_to_give(golden: Path, runtime: RuntimeName) -> None:
    model = dataclasses.replace(read_model(golden), manifest=None, labels=())
    with pytest.raises(ModelError, match="give --labels FILE with 3 lines"):
        Classifier(model, runtime=runtime)


def test_a_network_without_manifest_gets_raw_rgb(golden: Path, runtime: RuntimeName) -> None:
    model = dataclasses.replace(read_model(golden), manifest=None, selftest=None)
    classifier = Classifier(model, runtime=runtime)
    assert classifier.labels[int(classifier.classify(picture("red")).values.argmax())] == "red"


def test_an_own_file_whose_input_is_not_uint8_is_refused(golden: Path, runtime: RuntimeName) -> None:
    model = read_model(golden)
    model = dataclasses.replace(model, network=with_input_type(model.network, "float32"))
    with pytest.raises(ModelError, match="its input is float32, not uint8 RGB"):
        Classifier(model, runtime=runtime)


def test_a_manifest_of_another_size_is_refused(golden: Path, runtime: RuntimeName) -> None:
    model = read_model(golden)
    assert model.manifest is not None
    manifest = model.manifest.model_copy(update={"preprocess": Preprocess(width=64, height=32)})
    with pytest.raises(ModelError, match="manifest says 64×32, its input is 1×32×32×3"):
        Classifier(dataclasses.replace(model, manifest=manifest), runtime=runtime)


@pytest.mark.parametrize("network", [b"", b"\x1c\0\0\0TFL3", b"\x1c\0\0\0TFL3" + bytes(200)])
def test_what_the_runtime_refuses_is_a_model_error(
    golden: Path, runtime: RuntimeName, network: bytes
) -> None:
    with pytest.raises(ModelError, match="refuses the network"):
        Classifier(dataclasses.replace(read_model(golden), network=network), runtime=runtime)


def test_the_selftest_passes_where_decisions_agree(classifier: Classifier) -> None:
    difference = run_selftest(classifier)
    assert difference is not None
    assert difference < 0.02


def test_a_model_without_selftest_has_nothing_to_pass(golden: Path, runtime: RuntimeName) -> None:
    model = dataclasses.replace(read_model(golden), selftest=None)
    assert run_selftest(Classifier(model, runtime=runtime)) is None


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ((0.0, 1.0, 0.0), r"selftest/blue.png gives blue 0\.\d+, packed as green 1.000"),
        ((0.4, 0.3, 0.3), r"gives blue 0\.\d+, packed as blue 0.400"),
        ((1.0, 0.0), "has 2 scores, not 3"),
    ],
)
def test_a_failed_selftest_says_the_figures(
    golden: Path, runtime: RuntimeName, scores: tuple[float, ...], why: str
) -> None:
    classifier = Classifier(changed_selftest(read_model(golden), scores=scores), runtime=runtime)
    with pytest.raises(ModelError, match=why) as failure:
        run_selftest(classifier)
    assert failure.value.exit_code == 78


def test_a_selftest_picture_that_is_none_is_the_models_fault(golden: Path, runtime: RuntimeName) -> None:
    model = read_model(golden)
    images = dict(model.selftest_images) | {"selftest/blue.png": b"no picture"}
    classifier = Classifier(dataclasses.replace(model, selftest_images=images), runtime=runtime)
    with pytest.raises(ModelError, match=r"fails its self-test.*selftest/blue.png"):
        run_selftest(classifier)
