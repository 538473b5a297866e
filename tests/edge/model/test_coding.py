"""From bytes to an input's values, and from an output's values to scores."""

from __future__ import annotations

import numpy as np
import pytest

from edge.model.coding import InputCoding, activation_of, encode, probe_pictures, softmax

THREE = (120.0, 100.0, 80.0)


def test_bytes_without_mean_and_std_go_in_as_they_are() -> None:
    assert InputCoding("uint8", 0.0078, 128).table() is None
    table = InputCoding("int8", 0.0078, -1).table()
    assert table is not None
    assert np.array_equal(table[0, :, 1], np.arange(-128, 128))


def test_a_normalisation_that_quantization_undoes_costs_nothing() -> None:
    assert InputCoding("uint8", 1.0, 0, (0, 0, 0), (1, 1, 1)).table() is None


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_every_channel_has_a_mean_and_a_std_of_its_own(dtype: str) -> None:
    image = probe_pictures(20, 30)[2]
    zero = {"int8": -10, "uint8": 118}.get(dtype, 0)
    coding = InputCoding(dtype, 0.02, zero, THREE, (60.0, 50.0, 70.0))
    table = coding.table()
    assert table is not None
    out = np.zeros((1, 20, 30, 3), dtype)
    encode(image, table, out[0])
    real = (image - np.array(THREE)) / np.array([60.0, 50.0, 70.0])
    if dtype == "float32":
        assert np.allclose(out[0], real, atol=1e-6)
        return
    limits = np.iinfo(dtype)
    assert np.array_equal(out[0], np.clip(np.rint(real / 0.02) + zero, limits.min, limits.max))


def test_a_normalisation_that_does_not_fit_the_quantization_is_seen() -> None:
    half = (127.5,) * 3
    assert InputCoding("uint8", 1 / 128, 128, half, half).clipped < 0.01
    assert InputCoding("uint8", 1 / 128, 128, (0.0,) * 3, (1.0,) * 3).clipped > 0.9
    assert InputCoding("float32", 0, 0, (0.0,) * 3, (1.0,) * 3).clipped == 0


def test_only_what_leaves_0_to_1_is_logits() -> None:
    softmaxed, sigmoids = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[0.9, 0.8], [0.1, 0.2]])
    for rows in (softmaxed, sigmoids):
        assert activation_of(rows.astype(np.float32), None) == "none"
        assert activation_of(rows.astype(np.float32), (0.0, 0.996)) == "none"
    assert activation_of(np.array([[3.0, -1.0]], np.float32), None) == "softmax"
    # quantized logits that happen to lie between 0 and 1 can express more than that
    assert activation_of(sigmoids.astype(np.float32), (-8.0, 7.9)) == "softmax"


def test_softmax_survives_large_logits() -> None:
    assert softmax(np.array([1000.0, 0.0, -1000.0], np.float32)).tolist() == [1.0, 0.0, 0.0]
