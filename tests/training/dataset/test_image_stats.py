"""What is measured of a picture: size, channels, brightness, sharpness, and a hash that survives copying."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image as PillowImage

from edge.preprocess import Image, decode
from tests.support.models.photographs import draw
from training.dataset.image_stats import Facts, measure, perceptual_hash, sharpness_of


def _encode(image: Image, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def _facts(image: Image, suffix: str = ".png") -> Facts:
    data = _encode(image, suffix)
    return measure(decode(data), data)


def _disc(seed: int = 1, side_px: int = 96) -> Image:
    return draw("disc", np.random.default_rng(seed), side_px)


def test_size_and_brightness_are_measured() -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 40:] = 255
    facts = _facts(image)
    assert (facts.width_px, facts.height_px) == (80, 40)
    assert facts.luma == pytest.approx(127.5, abs=1)
    assert (facts.black_share, facts.white_share) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("conversion", "suffix", "channels"),
    [
        (cv2.COLOR_BGR2GRAY, ".png", 1),
        (cv2.COLOR_BGR2GRAY, ".jpg", 1),
        (cv2.COLOR_BGR2RGB, ".jpg", 3),
        (cv2.COLOR_BGR2RGB, ".bmp", 3),
        (cv2.COLOR_BGR2BGRA, ".png", 4),
    ],
)
def test_the_stored_channels_are_told(conversion: int, suffix: str, channels: int) -> None:
    stored: Image = cv2.cvtColor(_disc(), conversion)
    assert _facts(stored, suffix).channels == channels


def test_blur_lowers_sharpness_and_size_does_not_matter_much() -> None:
    image = draw("stripes", np.random.default_rng(2), 512)
    smooth: Image = cv2.GaussianBlur(image, (0, 0), 6)
    assert _facts(smooth).sharpness < 0.1 * _facts(image).sharpness
    doubled: Image = cv2.resize(image, (1024, 1024), interpolation=cv2.INTER_LINEAR)
    assert _facts(doubled).sharpness == pytest.approx(_facts(image).sharpness, rel=0.4)
    assert sharpness_of(np.full((20, 20), 7, np.uint8)) == 0.0


def test_the_hash_survives_what_a_copy_goes_through() -> None:
    image = _disc(side_px=256)
    half: Image = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    lit = np.clip(image * 1.1 + 5, 0, 255).astype(np.uint8)
    original = _facts(image).phash
    for changed in (half, lit):
        assert (original ^ _facts(changed).phash).bit_count() <= 6
    assert (original ^ _facts(image, ".jpg").phash).bit_count() <= 6
    assert (original ^ _facts(draw("stripes", np.random.default_rng(3), 256)).phash).bit_count() > 10


def test_one_tone_has_nothing_to_compare_by() -> None:
    assert _facts(np.full((64, 64, 3), 90, np.uint8)).flat
    assert not _facts(_disc()).flat


def test_the_hash_is_the_librarys_bit_for_bit() -> None:
    for seed in range(20):
        small: Image = cv2.resize(cv2.cvtColor(_disc(seed), cv2.COLOR_BGR2GRAY), (32, 32))
        library = imagehash.phash(PillowImage.fromarray(small)).hash
        assert perceptual_hash(small) == int.from_bytes(np.packbits(library).tobytes(), "big")
