"""A network whose answers mean something, for what depends on them: MobileNetV2 160 on Grocery-10, int8."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parents[3] / "shared" / "datasets" / "grocery10"
MISSING = f"the photographs {DATA.name} are not there"
NAME = "grocery10"


def can_be_trained() -> bool:
    """Whether the photographs are at hand."""
    return DATA.is_dir()


def trained_model(folder: Path) -> Path:
    """The network's file, trained in `folder` where it is not there yet; that takes a minute and a half."""
    runs = folder / "runs"
    model = runs / NAME / "model.tflite"
    if not model.is_file():
        where = ["--runs-dir", str(runs)]
        _training(folder, "train", str(DATA), "--size", "160", "--seed", "1", "--name", NAME, *where)
        _training(folder, "quantize", "--run", NAME, *where)
    return model


def _training(folder: Path, *arguments: str) -> None:
    environment = os.environ | {"EDGE_TRAIN_CACHE": str(folder / "training-cache")}
    command = [sys.executable, "-m", "training", *arguments]
    subprocess.run(command, check=True, capture_output=True, env=environment)
