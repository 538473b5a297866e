"""Photographs as a camera's stream would show them."""

from __future__ import annotations

import numpy as np
import pytest

from edge.preprocess import PreprocessSpec
from tests.support.models.photographs import draw
from training.dataset.camera_simulation import shrunk, streamed

SPEC = PreprocessSpec(64, 48)


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 300), (128, 96)), ((96, 200), (96, 200)), ((9, 7), (9, 7))]
)
def test_the_short_side_is_at_most_twice_the_inputs(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert shrunk(np.zeros((*size, 3), np.uint8), SPEC).shape[:2] == expected


def test_a_stream_loses_fine_detail_and_keeps_the_picture() -> None:
    image = draw("disc", np.random.default_rng(1))
    seen = streamed(image, SPEC).astype(int)
    assert seen.shape == image.shape
    assert 1 < np.abs(seen - image).mean() < 10
    blocks = seen.reshape(12, 8, 12, 8, 3).mean(axis=(1, 3)) - image.reshape(12, 8, 12, 8, 3).mean(
        axis=(1, 3)
    )
    assert np.abs(blocks).mean() < 3
