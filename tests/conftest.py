"""Fixtures for all tests: the golden model, and a real broker; the order of the tests among workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.infer import Classifier
from edge.model.interpreter import RuntimeName
from edge.model.model_file import read_model
from tests.support.command_line import RUNTIME
from tests.support.mosquitto import Mosquitto

GOLDEN = Path(__file__).parent / "golden" / "colours.tflite"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first, where several workers (`-n`) share them: at the end none shall wait for another."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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
