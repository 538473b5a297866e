"""One trained network in four precisions, and calibration on the wrong pictures."""

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
from training.errors import ConversionError
from training.evaluation.evaluate import evaluate
from training.evaluation.held_out import stored_features
from training.evaluation.record import EvaluationRecord
from training.evaluation.unknown import PartScores
from training.fit.trained_network import shipped_network
from training.head.temperature import calibrated
from training.libraries import keras
from training.network.convert import (
    layer_errors,
    to_dynamic,
    to_float,
    to_float16,
    to_float_of_bytes,
    to_mixed,
    to_uint8,
)
from training.packing.pack import draft, finish_network
from training.progress import Silent
from training.quantization.acceptance import USUAL_LIMITS, refusal
from training.quantization.bias_correction import correct_bias
from training.quantization.calibration import calibration_images
from training.quantization.candidates import FloatNetwork, Pictures, operations_by_loss
from training.quantization.comparison import device_scores, paired_drop
from training.train import train
from training.trained_run import TrainedRun, read_trained


@dataclass(frozen=True, slots=True)
class Case:
    """A trained network, its pictures to calibrate on, and what the float16 network says of all."""

    trained: TrainedRun
    source: FloatNetwork
    sample: Pictures
    evaluation: EvaluationRecord
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
    case = Case(again, FloatNetwork(model, to_float(model)), sample, evaluated.record, evaluated.test)
    exact = case.said(to_float16(model))
    assert np.allclose(exact.scores[-len(evaluated.test.scores) :], evaluated.test.scores, atol=0.05)
    return dataclasses.replace(case, exact=exact)


CONVERSIONS: dict[str, Callable[[Case], bytes]] = {
    "int8": lambda case: to_uint8(case.source.model, case.sample),
    "dynamic": lambda case: to_dynamic(case.source.model),
    "float16": lambda case: to_float16(case.source.model),
}


@pytest.mark.parametrize("precision", CONVERSIONS)
def test_a_quantized_network_takes_bytes_and_says_what_the_float_one_says(case: Case, precision: str) -> None:
    network = CONVERSIONS[precision](case)
    assert Network(network).input.dtype == np.uint8
    assert len(network) < 0.6 * len(case.source.network)
    found = case.said(network)
    assert (found.scores.argmax(axis=1) == case.exact.scores.argmax(axis=1)).mean() >= 0.9
    assert np.abs(found.familiarity - case.exact.familiarity).mean() < 0.1


@pytest.mark.proof
def test_the_operations_that_lose_the_most_can_stay_in_float(case: Case) -> None:
    operations = operations_by_loss(case.source.model, case.sample[-8:])
    assert len(operations) > 50
    losses = layer_errors(case.source.model, case.sample[-8:], case.sample[-8:])
    found = [losses[operation] for operation in operations]
    assert found == sorted(found, reverse=True)
    sizes, errors = [], []
    for count in (3, len(operations) // 2):
        network = to_mixed(case.source.model, case.sample, operations[:count])
        sizes.append(len(network))
        errors.append(float(np.abs(case.said(network).scores - case.exact.scores).mean()))
    assert sizes[0] < sizes[1] < len(case.source.network)
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
    network = to_uint8(case.source.model, BROKEN[name](case))
    with pytest.raises(ConversionError, match="does not take a picture's bytes as they are"):
        finish_network(case.trained, network)


def test_the_right_pictures_pass(case: Case) -> None:
    network = to_uint8(case.source.model, case.sample)
    assert case.refused(correct_bias(network, case.source.network, case.sample)) is None


@pytest.mark.proof
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
    case = Case(trained, FloatNetwork(model, to_float(model)), sample, evaluated.record, evaluated.test)
    case = dataclasses.replace(case, exact=case.said(to_float_of_bytes(model)))
    assert case.refused(to_uint8(model, sample)) is not None


def test_calibration_pictures_take_turns_between_the_classes(case: Case) -> None:
    few = calibration_images(case.trained.split, case.trained.config.spec, 3, Silent())
    firsts = [
        next(item.path for item in case.trained.split.train if item.label == label)
        for label in case.trained.split.labels
    ]
    assert np.array_equal(few[:3], load_all(firsts, case.trained.config.spec, lambda: None))
