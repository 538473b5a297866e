"""A model with two outputs: it says what it sees, and how like its training photographs that is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from edge.agent.load_classifier import apply_limits
from edge.config import DecisionConfig
from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.interpreter import Network, RuntimeName
from edge.model.manifest import Familiarity, Manifest
from edge.model.model_file import ModelFile, read_model
from edge.records import Limits
from tests.support.agents.command_line import EdgeAgent
from tests.support.cameras.videos import BGR, picture
from tests.support.models.flatbuffer import with_outputs_turned

FAMILIAR = Path(__file__).parents[2] / "golden" / "familiar.tflite"


def grey(level: int = 128) -> NDArray[np.uint8]:
    """What the model has never seen: its colours are all far from it."""
    return np.full((48, 64, 3), level, np.uint8)


@pytest.fixture
def model() -> ModelFile:
    return read_model(FAMILIAR)


def manifest_of(model: ModelFile, **changes: Any) -> Manifest:
    assert model.manifest is not None
    return model.manifest.model_copy(update=changes)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("with_manifest", [False, True])
def test_scores_are_found_wherever_they_stand(
    model: ModelFile, runtime: RuntimeName, turned: bool, with_manifest: bool
) -> None:
    network = with_outputs_turned(model.network) if turned else model.network
    manifest = model.manifest if with_manifest else None
    classifier = Classifier(
        dataclasses.replace(model, network=network, manifest=manifest, selftest=None), runtime=runtime
    )
    for label in BGR:
        scores = classifier.classify(picture(label))
        assert scores.values.shape == (3,)
        assert classifier.labels[int(scores.values.argmax())] == label
        assert (scores.familiarity is not None) == with_manifest


def test_scores_come_first_for_readers_that_take_the_first(model: ModelFile, runtime: RuntimeName) -> None:
    outputs = Network(model.network, runtime=runtime).outputs
    assert [(output.name, output.shape) for output in outputs] == [
        ("scores", (1, 3)),
        ("familiarity", (1, 1)),
    ]


def test_familiarity_is_a_cosine(model: ModelFile, runtime: RuntimeName) -> None:
    classifier = Classifier(model, runtime=runtime)
    assert classifier.classify(picture("red")).familiarity == pytest.approx(1.0, abs=0.02)
    # the mean of (200, 40, 40) and of grey lie at this angle to each other
    angle = 280 / (np.sqrt(3) * np.sqrt(200**2 + 2 * 40**2))
    assert classifier.classify(grey()).familiarity == pytest.approx(angle, abs=0.02)
    assert classifier.classify(grey(0)).familiarity == pytest.approx(0.0, abs=0.02)


def test_the_limits_are_the_manifests(model: ModelFile, runtime: RuntimeName) -> None:
    model = dataclasses.replace(model, manifest=manifest_of(model, class_thresholds={"red": 0.7}))
    assert Classifier(model, runtime=runtime).limits == Limits(0.5, {"red": 0.7}, 0.8, pytest.approx(0.15))


def test_an_output_that_is_not_there_is_refused(model: ModelFile, runtime: RuntimeName) -> None:
    other = Familiarity(output="likeness", threshold=0.5, typical=0.9)
    model = dataclasses.replace(model, manifest=manifest_of(model, familiarity=other))
    with pytest.raises(ModelError, match="says that 'likeness' gives the familiarity, and there is no such"):
        Classifier(model, runtime=runtime)


def test_two_outputs_without_labels_say_what_to_give(model: ModelFile, runtime: RuntimeName) -> None:
    bare = dataclasses.replace(model, manifest=None, labels=())
    with pytest.raises(ModelError, match="it has 3 and 1 outputs; give --labels FILE with 3 lines"):
        Classifier(bare, runtime=runtime)


def test_the_selftest_covers_familiarity(model: ModelFile, runtime: RuntimeName) -> None:
    assert run_selftest(Classifier(model, runtime=runtime)) is not None
    assert model.selftest is not None
    vectors = tuple(v.model_copy(update={"familiarity": 0.6}) for v in model.selftest.vectors)
    wrong = dataclasses.replace(model, selftest=model.selftest.model_copy(update={"vectors": vectors}))
    with pytest.raises(ModelError, match=r"has familiarity (1\.000|0\.99\d), packed as 0\.600"):
        run_selftest(Classifier(wrong, runtime=runtime))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"class_thresholds": {"purple": 0.5}}, "'purple', which is no label"),
        ({"class_thresholds": {"red": 1.5}}, "less than or equal to 1"),
        ({"unknown_rule": "threshold"}, "familiarity contradicts"),
        ({"familiarity": None}, "familiarity contradicts"),
        ({"temperature": 0.0}, "greater than 0"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    model: ModelFile, changes: dict[str, Any], why: str
) -> None:
    assert model.manifest is not None
    with pytest.raises(ValidationError, match=why):
        Manifest.model_validate(model.manifest.model_dump(by_alias=True) | changes)


def test_a_manifest_of_before_is_read(model: ModelFile) -> None:
    assert model.manifest is not None
    added = {"familiarity", "class_thresholds", "unknown_rule", "temperature", "calibration_error"}
    old = Manifest.model_validate(model.manifest.model_dump(by_alias=True, exclude=added))
    assert (old.familiarity, old.class_thresholds, old.temperature) == (None, {}, 1.0)


MODELS = Limits(0.6, {"red": 0.8}, 0.7, 0.1)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, MODELS),
        ({"min_confidence": 0.3}, Limits(0.3, {}, 0.7, 0.1)),
        ({"min_familiarity": 0.5}, Limits(0.6, {"red": 0.8}, 0.5, 0.1)),
        ({"min_familiarity": -1.0}, Limits(0.6, {"red": 0.8}, -1.0, 0.1)),
    ],
)
def test_the_configuration_stands_above_the_model(wanted: dict[str, float], expected: Limits) -> None:
    assert apply_limits(MODELS, DecisionConfig(**wanted)) == expected


def test_classify_says_unfamiliar(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), grey())
    cv2.imwrite(str(tmp_path / "red.png"), picture("red"))
    with EdgeAgent(tmp_path, "classify", tmp_path, "--model", FAMILIAR, "--json") as agent:
        assert agent.wait() == 0, agent.stderr
    answers = {Path(record["path"]).stem: record for record in agent.records}
    assert (answers["grey"]["label"], answers["grey"]["unknown_reason"]) == (None, "unfamiliar")
    assert (answers["red"]["label"], answers["red"]["unknown_reason"]) == ("red", None)


def test_a_low_confidence_does_not_make_strangers_known(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), grey())
    image, model = tmp_path / "grey.png", FAMILIAR
    with EdgeAgent(tmp_path, "classify", image, "--model", model, "--min-confidence", "0", "--json") as agent:
        assert agent.wait() == 0, agent.stderr
    assert agent.records[0]["unknown_reason"] == "unfamiliar"


@pytest.mark.parametrize(("limit", "expected"), [(None, "unfamiliar"), (-1.0, "blue")])
def test_the_agent_calls_a_stranger_unfamiliar(tmp_path: Path, limit: float | None, expected: str) -> None:
    """Grey has equal scores, so with the limit away a low confidence lets the first label pass."""
    cv2.imwrite(str(tmp_path / "grey.png"), grey())
    setting = "" if limit is None else f"min_familiarity = {limit}\n"
    (tmp_path / "agent.toml").write_text(f"[decision]\nwindow = 1\nmin_confidence = 0.3\n{setting}")
    arguments = ["--camera", tmp_path / "grey.png", "--model", FAMILIAR, "--stdout", "--config"]
    with EdgeAgent(tmp_path, *arguments, tmp_path / "agent.toml") as agent:
        assert agent.wait() == 0, agent.stderr
    seen = [record for record in agent.records if record["frame"] is not None]
    assert [record["label"] or record["unknown_reason"] for record in seen] == [expected]
    assert seen[0]["familiarity"] == pytest.approx(0.78, abs=0.02)
