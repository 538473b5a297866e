"""Networks as TensorFlow's own converter makes them, and what the agent finds out of them by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.input_settings import InputSettings
from edge.model.model_file import read_model
from tests.support.cameras.videos import BGR, picture
from tests.support.models.make_foreign import LABELS, SIZE, keras_model, network, with_labels, with_metadata

HALF = InputSettings.model_validate({"mean": 127.5, "std": 127.5})
GREY = np.full((30, 40, 3), 127, np.uint8)


def classifier(
    folder: Path, content: bytes, labels: tuple[str, ...] = LABELS, said: InputSettings = HALF
) -> Classifier:
    (folder / "m.tflite").write_bytes(content)
    (folder / "labels.txt").write_text("\n".join(labels))
    return Classifier(read_model(folder / "m.tflite", folder / "labels.txt", said))


def assert_knows_colours(found: Classifier) -> None:
    for label in BGR:
        scores = found.classify(picture(label))
        assert found.labels[int(scores.values.argmax())] == label
        assert scores.values.shape == (len(found.labels),)


def with_background(background_logit: float) -> Any:
    """Four outputs, the first of which wins on grey."""
    model = keras_model("softmax", 4, first=1)
    kernel, bias = model.layers[-1].get_weights()
    bias[0] = background_logit
    model.layers[-1].set_weights([kernel, bias])
    return model


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8"])
def test_logits_are_found_out_in_every_coding(tmp_path: Path, kind: str) -> None:
    found = classifier(tmp_path, network(kind, keras_model("linear")))
    assert found.activation == "softmax"
    assert_knows_colours(found)
    assert found.classify(picture("red")).values.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8"])
def test_sigmoids_stay_as_they_are(tmp_path: Path, kind: str) -> None:
    found = classifier(tmp_path, network(kind, keras_model("sigmoid")))
    assert found.activation == "none"
    assert found.classify(GREY).values == pytest.approx([0.5, 0.5, 0.5], abs=0.02)


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_an_integer_network_without_a_word_gets_bytes(tmp_path: Path, kind: str) -> None:
    content = network(kind, keras_model())
    silent = classifier(tmp_path, content, said=InputSettings())
    told = classifier(tmp_path, content)
    assert silent.coding.mean is None
    for label in BGR:
        one, other = (each.classify(picture(label)).values for each in (silent, told))
        assert np.abs(one - other).max() < 0.02


def test_metadata_that_speaks_of_a_float_model_is_passed_over(tmp_path: Path) -> None:
    content = with_labels(with_metadata(network("uint8", keras_model()), [0.0], [1.0]))
    (tmp_path / "m.tflite").write_bytes(content)
    found = Classifier(read_model(tmp_path / "m.tflite"))
    assert found.coding.mean is None
    assert_knows_colours(found)


def test_a_thousand_labels_fit_a_thousand_and_one_outputs(tmp_path: Path) -> None:
    thousand = (*LABELS, *(f"class {number}" for number in range(3, 1000)))
    content = network("int8", keras_model("softmax", 1001, first=1))
    found = classifier(tmp_path, content, thousand)
    assert (found.labels, found.background) == (thousand, 0)
    assert_knows_colours(found)


def test_where_the_background_wins_no_label_has_a_score(tmp_path: Path) -> None:
    found = classifier(tmp_path, network("float32", with_background(1.0)), ("background", *LABELS))
    assert (found.labels, found.background) == (LABELS, 0)
    assert_knows_colours(found)
    assert not found.classify(GREY).values.any()


def test_a_background_of_another_name_is_told_by_the_side_car(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text("background = true\n")
    found = classifier(tmp_path, network("float32", with_background(1.0)), ("nothing", *LABELS))
    assert found.labels == LABELS
    (tmp_path / "model.toml").write_text("background = false\n")
    found = classifier(tmp_path, network("float32", with_background(1.0)), ("background", *LABELS))
    assert found.labels == ("background", *LABELS)


def _mapped(layer: Any, channels: int = 3) -> Any:
    inputs = tf.keras.Input((SIZE, SIZE, channels), batch_size=1)
    return tf.keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (
            lambda: _mapped(tf.keras.layers.Conv2D(3, 1)),
            r"its outputs have shapes 1×16×16×3; an image",
        ),
        (lambda: _mapped(tf.keras.layers.GlobalAveragePooling2D(), 1), r"its input has shape 1×16×16×1"),
        (lambda: keras_model("softmax", 5), r"5 outputs, 3 labels; give 5 labels"),
    ],
)
def test_what_is_no_classifier_is_refused(tmp_path: Path, model: Any, why: str) -> None:
    content = network("float32", model())
    with pytest.raises(ModelError, match=why):
        classifier(tmp_path, content)


def test_a_network_whose_scores_are_no_numbers_is_refused(tmp_path: Path) -> None:
    model = keras_model("linear")
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, bias + np.nan])
    with pytest.raises(ModelError, match="its scores are no numbers"):
        classifier(tmp_path, network("float32", model))


def test_an_own_file_may_be_coded_otherwise(tmp_path: Path, golden: Path) -> None:
    from edge.model.manifest import Coding, Preprocess

    own = read_model(golden)
    assert own.manifest is not None
    content = network("float32", with_background(1.0))
    coding = Coding(mean=(127.5,) * 3, std=(127.5,) * 3, background=0)
    manifest = own.manifest.model_copy(
        update={"coding": coding, "preprocess": Preprocess(width=SIZE, height=SIZE)}
    )
    found = Classifier(dataclasses.replace(own, network=content, manifest=manifest, selftest=None))
    assert found.coding.dtype == "float32"
    assert_knows_colours(found)
