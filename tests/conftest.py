"""Fixtures for all tests: the golden model, and a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.infer.classifier import Classifier
from edge.model.interpreter import RuntimeName
from edge.model.model_file import read_model
from tests.support.agents.command_line import RUNTIME
from tests.support.brokers.mosquitto import Mosquitto

GOLDEN = Path(__file__).parent / "golden" / "colours.tflite"


@pytest.fixture
def golden() -> Path:
    """A model file that tells blue, green and red pictures apart."""
    return GOLDEN


@pytest.fixture
def runtime() -> RuntimeName:
    """The runtime that these tests are for: `auto`, or what EDGE_TEST_RUNTIME says."""
    return RUNTIME  # type: ignore[return-value]


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The golden model, ready."""
    return Classifier(read_model(GOLDEN), runtime=RUNTIME)  # type: ignore[arg-type]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that anybody may use."""
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker
