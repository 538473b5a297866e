"""From photographs to the file for the device: what was trained is what runs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.infer import Classifier, run_selftest
from edge.interpreter import Network
from edge.model_file import read_model
from edge.preprocess import read_image
from tests.training.conftest import SIZE_PX, Trained
from training.config import TrainConfig
from training.convert import to_float, to_uint8
from training.errors import ConversionError, GateError, RunError
from training.features import Features, extract
from training.finetune import fine_tune
from training.load import load, load_all
from training.metadata import METADATA_ENTRY
from training.model import read_trained
from training.pack import finish_network
from training.progress import Silent
from training.quantize import QuantizeOptions, quantize
from training.runs import COMPARISON, FEATURES, LATEST, MODEL, SCORES, SPLIT, WEIGHTS, Run
from training.split import Split
from training.weights import load_trunk

pytestmark = pytest.mark.slow


def test_the_model_file_is_read_and_proves_itself(trained: Trained) -> None:
    model = read_model(trained.run.path(MODEL))
    classifier = Classifier(model)
    assert classifier.labels == ("disc", "plain", "stripes")
    assert run_selftest(classifier) == pytest.approx(0.0, abs=0.01)
    assert model.selftest is not None
    assert 1 <= len(model.selftest.vectors) <= 4


def test_the_model_tells_the_pictures_apart(trained: Trained) -> None:
    split = trained.run.read_record(SPLIT, Split)
    classifier = Classifier(read_model(trained.run.path(MODEL)))
    right = [
        classifier.labels[int(classifier.classify(read_image(item.path)).values.argmax())] == item.label
        for item in split.test
    ]
    assert np.mean(right) == pytest.approx(trained.comparison.int8_accuracy)
    assert np.mean(right) >= 0.8


def test_the_manifest_says_what_was_measured(trained: Trained) -> None:
    with zipfile.ZipFile(trained.run.path(MODEL)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["schema"] == 1
    assert manifest["name"] == "shapes"
    assert manifest["version"] == "first"
    assert manifest["preprocess"] == {"width": 96, "height": 96, "fit": "crop", "interpolation": "pyramid"}
    assert manifest["metrics"]["int8"] == {"accuracy": trained.comparison.int8_accuracy, "count": 18}
    assert manifest["input"] == {"dtype": "uint8", "scale": 1.0, "zero_point": 0}
    assert 0.5 <= manifest["threshold"] <= 0.9
    assert manifest["provenance"]["dataset_counts"] == {"train": 84, "val": 18, "test": 18}


def test_the_network_carries_tflite_metadata_and_stays_aligned(trained: Trained) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    network = read_model(trained.run.path(MODEL)).network
    model = schema.Model.GetRootAsModel(network, 0)
    entries = {model.Metadata(i).Name().decode(): model.Metadata(i) for i in range(model.MetadataLength())}
    metadata = model.Buffers(entries[METADATA_ENTRY].Buffer()).DataAsNumpy().tobytes()
    assert metadata[4:8] == b"M001"
    assert all(name in metadata for name in (b"labels.txt", b"manifest.json", b"shapes", b"1.5.0"))
    starts = [
        buffer._tab.Vector(buffer._tab.Offset(4))
        for buffer in (model.Buffers(i) for i in range(model.BuffersLength()))
        if buffer.DataLength() > 0
    ]
    assert {start % 16 for start in starts} == {0}


def test_latest_points_to_the_run(trained: Trained) -> None:
    assert (trained.runs_dir / LATEST).resolve() == trained.run.folder.resolve()


def test_a_run_read_again_gives_the_scores_it_gave(trained: Trained) -> None:
    again = read_trained(trained.run)
    images = load_all([item.path for item in again.split.test], again.config.spec)
    scores = np.asarray(again.model(images.astype(np.float32), training=False))
    with np.load(trained.run.path(SCORES)) as stored:
        np.testing.assert_allclose(scores, stored["test"], atol=1e-4)


def test_the_tflite_trunk_gives_what_keras_gives(trained: Trained) -> None:
    trunk = load_trunk("efficientnet_lite0", SIZE_PX, "none", seed=4).model
    split = trained.run.read_record(SPLIT, Split)
    config = TrainConfig(data=Path(), size=SIZE_PX, backbone="efficientnet_lite0", augmented_views=1)
    found = extract(to_float(trunk), split, config, Silent())
    assert isinstance(found, Features)
    assert found.views.shape == found.train.shape
    image = load(split.val[0].path, config.spec)[None].astype(np.float32)
    np.testing.assert_allclose(found.val[0], np.asarray(trunk(image, training=False))[0], atol=1e-4)


def test_features_are_kept_in_the_run(trained: Trained) -> None:
    with np.load(trained.run.path(FEATURES)) as stored:
        assert {name: stored[name].shape for name in ("train", "val", "test")} == {
            "train": (84, 1280),
            "val": (18, 1280),
            "test": (18, 1280),
        }


def test_calibration_without_black_and_white_is_refused_where_it_shifts_the_input(trained: Trained) -> None:
    run = read_trained(trained.run)
    dim = np.random.default_rng(1).integers(0, 120, (8, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    network = to_uint8(run.model, dim)
    assert Network(network).input.scale < 0.6
    with pytest.raises(ConversionError, match="does not take a picture's bytes as they are"):
        finish_network(run, network)


def test_a_network_that_fails_the_gate_becomes_no_model_and_moves_nothing(
    trained: Trained, tmp_path: Path
) -> None:
    run = _copy(trained.run, tmp_path / "runs" / "worse")
    impossible = QuantizeOptions(max_drop=-0.5, calibration=10)  # int8 would have to be better by half
    with pytest.raises(GateError, match="lost too much"):
        quantize(run, impossible, Silent())
    assert run.path(COMPARISON).is_file()
    assert not run.path(MODEL).exists()
    assert not (tmp_path / "runs" / LATEST).is_symlink()


def test_a_damaged_run_is_said(trained: Trained, tmp_path: Path) -> None:
    run = _copy(trained.run, tmp_path / "damaged")
    run.write(WEIGHTS, b"nothing")
    with pytest.raises(RunError, match=r"weights\.npz"):
        read_trained(run)


@pytest.mark.parametrize("rate", [1e-4, 1.0])
def test_fine_tuning_is_kept_only_if_validation_improves(trained: Trained, rate: float) -> None:
    before = trained_model_weights(trained)
    found = read_trained(trained.run)
    config = found.config.model_copy(
        update={"fine_tune_epochs": 1, "fine_tune_blocks": 1, "fine_tune_learning_rate": rate}
    )
    tuned = fine_tune(found.model, found.split, config, Silent())
    assert len(tuned.val_accuracies) == 1
    changed = any(not np.array_equal(a, b) for a, b in zip(before, found.model.get_weights(), strict=True))
    assert changed == tuned.kept
    assert rate < 1 or not tuned.kept, "a rate of 1 must have wrecked it"


def trained_model_weights(trained: Trained) -> list[NDArray[np.float32]]:
    weights: list[NDArray[np.float32]] = read_trained(trained.run).model.get_weights()
    return weights


def _copy(run: Run, folder: Path) -> Run:
    folder.mkdir(parents=True)
    for file in run.folder.iterdir():
        if file.name != MODEL:
            (folder / file.name).write_bytes(file.read_bytes())
    return Run(folder, folder.name)


def test_selftest_pictures_are_as_small_as_they_can_be(trained: Trained) -> None:
    images = read_model(trained.run.path(MODEL)).selftest_images
    for body in images.values():
        picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
        assert min(picture.shape[:2]) <= 2 * SIZE_PX
