"""Two libraries behind one interface, in four precisions, on one trained network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edge.model.interpreter import Network
from tests.training.conftest import Trained
from training.config import TrainConfig
from training.dataset.load import load_all
from training.dataset.scan import PARTS
from training.errors import ConversionError, SettingsError
from training.evaluation.evaluate import evaluate
from training.evaluation.held_out import stored_features
from training.evaluation.record import Evaluation
from training.evaluation.unknown import PartScores
from training.fit.trained_network import TrainedRun, read_trained, shipped_network
from training.head.temperature import calibrated
from training.libraries import keras
from training.network.convert import to_float, to_float_of_bytes
from training.packing.pack import draft, finish_network
from training.progress import Silent
from training.quantization.acceptance import USUAL_LIMITS, refusal
from training.quantization.bias_correction import corrected
from training.quantization.calibration import calibration_images
from training.quantization.comparison import device_scores, paired_drop
from training.quantization.recipe import Pictures, Precision, Quantizer, Recipe, Subject
from training.quantization.registry import QUANTIZERS, find_quantizer
from training.train import train

ALL = list(QUANTIZERS.values())
EACH = pytest.mark.parametrize("quantizer", ALL, ids=lambda quantizer: quantizer.name)


@dataclass(frozen=True, slots=True)
class Case:
    """A trained network, its pictures to calibrate on, and what the float16 network says of all."""

    trained: TrainedRun
    subject: Subject
    sample: Pictures
    evaluation: Evaluation
    exact: PartScores

    def said(self, network: bytes) -> PartScores:
        """Of all 120 pictures: the test part alone has too few to tell a loss from chance."""
        model = draft(self.trained, finish_network(self.trained, network), self.evaluation)
        split = self.trained.split
        return device_scores(model, (*split.train, *split.val, *split.test), Silent())

    def refused(self, network: bytes) -> str | None:
        split = self.trained.split
        targets = np.concatenate([np.asarray(split.targets(part)) for part in PARTS])
        return refusal(paired_drop(self.exact.scores, self.said(network).scores, targets), USUAL_LIMITS)


@pytest.fixture(scope="module")
def case(trained: Trained) -> Case:
    again = read_trained(trained.run)
    evaluated = evaluate(trained.run, Silent(), again)
    head = calibrated(again.head, evaluated.record.temperature)
    model = shipped_network(again.backbone, head, evaluated.record.least_length)
    sample = calibration_images(again.split, again.config.spec, 15, Silent())
    subject = Subject(model, to_float(model))
    case = Case(again, subject, sample, evaluated.record, evaluated.test)
    exact = case.said(find_quantizer("tensorflow").quantize(subject, Recipe("float16", sample)))
    assert np.allclose(exact.scores[-len(evaluated.test.scores) :], evaluated.test.scores, atol=0.05)
    return dataclasses.replace(case, exact=exact)


@EACH
@pytest.mark.parametrize("precision", ["int8", "dynamic", "float16"])
def test_a_quantized_network_takes_bytes_and_says_what_the_float_one_says(
    case: Case, quantizer: Quantizer, precision: Precision
) -> None:
    network = quantizer.quantize(case.subject, Recipe(precision, case.sample))
    assert Network(network).input.dtype == np.uint8
    assert len(network) < 0.6 * len(case.subject.network)
    found = case.said(network)
    assert (found.scores.argmax(axis=1) == case.exact.scores.argmax(axis=1)).mean() >= 0.9
    assert np.abs(found.familiarity - case.exact.familiarity).mean() < 0.1


@EACH
def test_the_operations_that_lose_the_most_can_stay_in_float(case: Case, quantizer: Quantizer) -> None:
    losses = quantizer.losses(case.subject, case.sample[-8:])
    assert len(losses) > 50
    assert [loss.error for loss in losses] == sorted((loss.error for loss in losses), reverse=True)
    sizes, errors = [], []
    for count in (3, len(losses) // 2):
        recipe = Recipe("mixed", case.sample, tuple(loss.tensor for loss in losses[:count]))
        network = quantizer.quantize(case.subject, recipe)
        sizes.append(len(network))
        errors.append(float(np.abs(case.said(network).scores - case.exact.scores).mean()))
    assert sizes[0] < sizes[1] < len(case.subject.network)
    assert errors[1] <= errors[0] + 0.01


def _night(case: Case) -> Pictures:
    """Pictures of one class, nearly black."""
    return case.sample[:12] // 20


def _unshuffled(case: Case) -> Pictures:
    """The first dozen of a list that begins with the class of the night."""
    by_class = np.concatenate((_night(case), case.sample[:-2]))
    return by_class[:12]


BROKEN: dict[str, Callable[[Case], Pictures]] = {
    "dark pictures": lambda case: case.sample[:-2] // 20,
    "one class": _night,
    "unshuffled": _unshuffled,
}


@pytest.mark.parametrize("name", BROKEN)
def test_ranges_from_the_wrong_pictures_are_caught(case: Case, name: str) -> None:
    """By the input's own range; where black and white keep that right, see test_grocery."""
    network = find_quantizer("litert").quantize(case.subject, Recipe("int8", BROKEN[name](case)))
    with pytest.raises(ConversionError, match="does not take a picture's bytes as they are"):
        finish_network(case.trained, network)


@EACH
def test_the_right_pictures_pass(case: Case, quantizer: Quantizer) -> None:
    network = quantizer.quantize(case.subject, Recipe("int8", case.sample))
    assert case.refused(corrected(network, case.subject.network, case.sample)) is None


def test_a_collapse_in_int8_is_refused(photographs: Path, tmp_path: Path) -> None:
    """MobileNetV3 of random weights, one of whose features is made 1000 times as large."""
    settings = {"backbone": "mobilenet_v3_small", "weights": "none", "size": 64, "augmented_views": 0}
    run = train(TrainConfig(data=photographs, **settings), tmp_path / "runs", "random", Silent())
    trained = read_trained(run)
    evaluated = evaluate(run, Silent(), trained)
    head = calibrated(trained.head, evaluated.record.temperature)
    factors = np.ones(len(head.kernel), np.float32)
    factors[stored_features(run).train.mean(axis=0).argmax()] = 1000
    backbone = trained.backbone
    scaled = keras().layers.Rescaling(factors)(backbone.output)
    # without a step between, the converter folds the factors into the next layer's weights
    loud = keras().Model(backbone.input, keras().layers.ReLU()(scaled))
    model = shipped_network(loud, dataclasses.replace(head, kernel=head.kernel / factors[:, None]), 1.0)
    sample = calibration_images(trained.split, trained.config.spec, 15, Silent())
    case = Case(trained, Subject(model, to_float(model)), sample, evaluated.record, evaluated.test)
    quantizer = find_quantizer("tensorflow")
    case = dataclasses.replace(case, exact=case.said(to_float_of_bytes(model)))
    why = case.refused(quantizer.quantize(case.subject, Recipe("int8", sample)))
    assert why is not None


def test_an_unknown_quantizer_is_named() -> None:
    with pytest.raises(SettingsError, match="take one of tensorflow, litert"):
        find_quantizer("abacus")


def test_calibration_pictures_take_turns_between_the_classes(case: Case) -> None:
    few = calibration_images(case.trained.split, case.trained.config.spec, 3, Silent())
    firsts = [
        next(item.path for item in case.trained.split.train if item.label == label)
        for label in case.trained.split.labels
    ]
    assert np.array_equal(few[:3], load_all(firsts, case.trained.config.spec, lambda: None))
