"""Others' readers: MediaPipe, in an environment of its own, opens our file as it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.measurements.interchange import MEDIAPIPE, Agreement, agreements, mediapipe_labels, pictures
from edge.model.model_file import read_model
from tests.support.tools import need

GOLDEN = Path(__file__).parents[1] / "golden" / "familiar.tflite"
SHADES = {"blue": (200, 40, 40), "green": (40, 200, 40), "red": (40, 40, 200)}


@pytest.fixture(autouse=True)
def _mediapipe() -> None:
    need(MEDIAPIPE.is_file(), ".venv-mediapipe (make interchange builds it)")


def written(path: Path, label: str, height: int, width: int) -> Path:
    """A noisy picture mostly of one colour."""
    noise = np.random.default_rng(width).integers(-30, 30, (height, width, 3))
    cv2.imwrite(str(path), np.clip(np.array(SHADES[label]) + noise, 0, 255).astype(np.uint8))
    return path


def test_mediapipe_opens_our_file_and_knows_its_labels(tmp_path: Path) -> None:
    assert importlib.util.find_spec("mediapipe") is None
    paths = [written(tmp_path / f"{label}.png", label, 48, 64) for label in SHADES]
    assert mediapipe_labels(GOLDEN, paths) == list(SHADES)


def test_mediapipe_refuses_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(read_model(GOLDEN).network[:1000])
    with pytest.raises(RuntimeError, match="MediaPipe failed on"):
        mediapipe_labels(path, [])


def test_the_agreement_is_counted_for_each_fit_and_shape(tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for label in SHADES:
        written(folder / f"{label}.png", label, 60, 60)
    striped = np.zeros((60, 60, 3), np.uint8)
    striped[:, :12] = striped[:, 48:] = SHADES["blue"]  # at 16:9 the crop cuts it off, and red is left
    striped[:, 21:39] = SHADES["red"]
    cv2.imwrite(str(folder / "0.png"), striped)
    found = agreements(GOLDEN, pictures(folder, tmp_path), tmp_path)
    same = {(each.fit, each.shape): each.same for each in found}
    assert {each.count for each in found} == {4}
    assert same["crop", "square"] == same["pad", "square"] == same["stretch", "square"] == 4
    assert (same["stretch", "not square"], same["crop", "not square"]) == (4, 3)
    assert not any(each.broken for each in found)
    assert all(3 <= each.same_answered <= each.answered for each in found)


@pytest.mark.parametrize(
    ("same", "promised", "broken"), [(97, True, False), (96, True, True), (0, False, False)]
)
def test_a_promise_is_broken_below_97_of_100(same: int, promised: bool, broken: bool) -> None:
    assert Agreement("stretch", "square", same, 100, promised).broken == broken
