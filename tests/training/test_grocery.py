"""Real photographs: the accuracy that a user may expect, and how much of it int8 may cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.config import TrainConfig
from training.progress import Silent
from training.quantize import QuantizeOptions, quantize
from training.train import train
from training.weights import PACKAGES, find_package_file

GROCERY = Path(__file__).parents[3] / "shared" / "datasets" / "grocery10"


@pytest.mark.slow
def test_mobilenet_v2_tells_groceries_apart(tmp_path: Path) -> None:
    if not GROCERY.is_dir():
        pytest.skip("../shared/datasets/grocery10 is not here")
    if find_package_file(PACKAGES["mobilenet_v2"]) is None:
        pytest.skip(f"{PACKAGES['mobilenet_v2'].name} is not installed")
    config = TrainConfig(data=GROCERY, backbone="mobilenet_v2", size=160)
    result = quantize(train(config, tmp_path, "grocery", Silent()), QuantizeOptions(), Silent())
    assert result.count == 397
    assert result.float_accuracy >= 0.88
    assert result.int8_accuracy >= result.float_accuracy - 0.02
