"""From photographs to the file for the device: what was trained is what runs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.interpreter import Network
from edge.model.model_file import read_model
from edge.preprocess import read_image
from tests.training.conftest import SIZE_PX, Trained
from training.dataset.load import load_all
from training.dataset.scan import PARTS
from training.dataset.split import Split
from training.errors import AcceptanceError, ConversionError, RunError
from training.evaluation.record import read_evaluation
from training.fit.trained_network import shipped_network
from training.head.softmax_head import Head
from training.head.temperature import calibrated
from training.network.convert import to_float, to_uint8
from training.packing.metadata import METADATA_ENTRY
from training.packing.pack import finish_network
from training.progress import Silent
from training.quantization.acceptance import AcceptanceLimits
from training.quantization.bias_correction import correct_bias, mean_logits
from training.quantization.calibration import calibration_images
from training.quantize import QuantizeOptions, quantize
from training.runs import (
    COMPARISON,
    FEATURES,
    FLOAT_NETWORK,
    INT8_SCORES,
    LATEST,
    MODEL,
    SCORES,
    SPLIT,
    WEIGHTS,
    Run,
)
from training.trained_run import read_trained

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
    split = trained.run.read_record(SPLIT, Split)
    tested = len(split.test)
    assert manifest["metrics"]["int8"] == {"accuracy": trained.comparison.int8_accuracy, "count": tested}
    assert manifest["input"] == {"dtype": "uint8", "scale": 1.0, "zero_point": 0}
    assert 0.5 <= manifest["threshold"] <= 0.95
    assert manifest["unknown_rule"] == "threshold+familiarity"
    assert manifest["familiarity"]["output"] == "familiarity"
    assert -1 < manifest["familiarity"]["threshold"] < manifest["familiarity"]["typical"] <= 1
    assert manifest["calibration_error"].keys() == {"before", "after"}
    assert manifest["provenance"]["dataset_counts"] == {part: len(split.part(part)) for part in PARTS}


def test_the_network_carries_tflite_metadata_and_stays_aligned(trained: Trained) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    network = read_model(trained.run.path(MODEL)).network
    model = schema.Model.GetRootAsModel(network, 0)
    entries = {model.Metadata(i).Name().decode(): model.Metadata(i) for i in range(model.MetadataLength())}
    metadata = model.Buffers(entries[METADATA_ENTRY].Buffer()).DataAsNumpy().tobytes()
    assert metadata[4:8] == b"M001"
    named = (b"labels.txt", b"manifest.json", b"shapes", b"1.5.0", b"probability", b"familiarity")
    assert all(name in metadata for name in named)
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
    found = read_evaluation(trained.run)
    network = shipped_network(again.backbone, calibrated(again.head, found.temperature), found.least_length)
    scores, familiarity = network(images.astype(np.float32), training=False)
    with np.load(trained.run.path(SCORES)) as stored:
        np.testing.assert_allclose(np.asarray(scores), stored["test"], atol=1e-4)
        np.testing.assert_allclose(np.asarray(familiarity)[:, 0], stored["test_familiarity"], atol=1e-4)


def test_what_the_int8_network_says_is_kept(trained: Trained) -> None:
    with np.load(trained.run.path(SCORES)) as exact, np.load(trained.run.path(INT8_SCORES)) as rounded:
        assert set(exact) == set(rounded) == {"val", "test", "val_familiarity", "test_familiarity"}
        assert all(rounded[name].shape == exact[name].shape for name in exact)


def test_the_selftest_holds_familiarity(trained: Trained) -> None:
    selftest = read_model(trained.run.path(MODEL)).selftest
    assert selftest is not None
    assert all(vector.familiarity is not None for vector in selftest.vectors)


@pytest.mark.parametrize("file", [MODEL, FLOAT_NETWORK])
def test_scores_are_the_first_output(trained: Trained, file: str) -> None:
    outputs = Network(trained.run.read(file)).outputs
    assert [(output.name, output.shape) for output in outputs] == [
        ("scores", (1, 3)),
        ("familiarity", (1, 1)),
    ]


def test_the_int8_network_has_the_float_networks_mean_logits(trained: Trained) -> None:
    again = read_trained(trained.run)
    sample = calibration_images(again.split, again.config.spec, 30, Silent())
    # three times the head, so that rounding the backbone shows
    head = Head(again.head.kernel * 3, again.head.bias * 3, again.head.centres)
    network = shipped_network(again.backbone, head, 1.0)
    exact, rounded = to_float(network), to_uint8(network, sample)
    mended = correct_bias(rounded, exact, sample)
    wanted, before, after = (mean_logits(each, sample) for each in (exact, rounded, mended))
    assert np.abs(after - wanted).max() < 0.05
    assert np.abs(after - wanted).max() <= np.abs(before - wanted).max() + 0.01
    assert len(mended) - len(rounded) < 1000


def test_a_network_without_a_softmax_has_nothing_to_correct(trained: Trained) -> None:
    again = read_trained(trained.run)
    sample = calibration_images(again.split, again.config.spec, 3, Silent())
    backbone = to_float(again.backbone)
    with pytest.raises(ConversionError, match="can't correct the int8 network's bias"):
        correct_bias(backbone, backbone, sample)


def test_features_are_kept_in_the_run(trained: Trained) -> None:
    with np.load(trained.run.path(FEATURES)) as stored:
        split = trained.run.read_record(SPLIT, Split)
        assert {part: stored[part].shape for part in PARTS} == {
            part: (len(split.part(part)), 1280) for part in PARTS
        }


def test_calibration_without_black_and_white_is_refused_where_it_shifts_the_input(trained: Trained) -> None:
    run = read_trained(trained.run)
    dim = np.random.default_rng(1).integers(0, 120, (8, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    network = to_uint8(run.model, dim)
    assert Network(network).input.scale < 0.6
    with pytest.raises(ConversionError, match="does not take a picture's bytes as they are"):
        finish_network(run, network)


@pytest.mark.proof
def test_a_network_that_fails_the_gate_becomes_no_model_and_moves_nothing(
    trained: Trained, tmp_path: Path
) -> None:
    run = _copy(trained.run, tmp_path / "runs" / "worse")
    impossible = QuantizeOptions(AcceptanceLimits(-0.5), calibration=10)  # it would have to be better by half
    with pytest.raises(AcceptanceError, match="lost too much"):
        quantize(run, impossible, Silent())
    assert run.path(COMPARISON).is_file()
    assert not run.path(MODEL).exists()
    assert not (tmp_path / "runs" / LATEST).is_symlink()


def test_a_damaged_run_is_said(trained: Trained, tmp_path: Path) -> None:
    run = _copy(trained.run, tmp_path / "damaged")
    run.write(WEIGHTS, b"nothing")
    with pytest.raises(RunError, match=r"weights\.npz"):
        read_trained(run)


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
