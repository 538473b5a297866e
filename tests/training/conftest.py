"""One small training for the whole session: three kinds of made-up photographs, Lite0 at 96 px."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.models.photographs import write_photographs
from tests.support.tools import need
from training.config import TrainConfig
from training.head.settings import HeadConfig
from training.progress import Silent
from training.quantization.acceptance import AcceptanceLimits
from training.quantization.comparison import Comparison
from training.quantize import QuantizeOptions, quantize
from training.runs import Run
from training.train import train

SIZE_PX = 96
THIRD_PARTY = (
    # Keras calls np.array on TensorFlow's variables in the way of numpy 1
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what libraries warn of among themselves; our own warnings stay errors."""
    for line in THIRD_PARTY:
        config.addinivalue_line("filterwarnings", line)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where workers (`-n`) share the files, those with slow tests come first: none waits at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in ("proof", "slow")))


@dataclass(frozen=True)
class Trained:
    """A finished run, where it lies, and how it compared."""

    run: Run
    runs_dir: Path
    comparison: Comparison


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither use nor fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_TRAIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures each of three classes."""
    return write_photographs(tmp_path_factory.mktemp("data") / "shapes", 40)


@pytest.fixture(scope="session")
def trained(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run trained and quantized as the command line does it."""
    need(importlib.util.find_spec("tensorflow") is not None, "tensorflow")
    runs_dir = tmp_path_factory.mktemp("work") / "runs"
    config = TrainConfig(
        data=photographs, backbone="efficientnet_lite0", size=SIZE_PX, head=HeadConfig(epochs=30)
    )
    run = train(config, runs_dir, "first", Silent())
    comparison = quantize(run, QuantizeOptions(AcceptanceLimits(0.1, 0.5), calibration=30), Silent())
    return Trained(run, runs_dir, comparison)
