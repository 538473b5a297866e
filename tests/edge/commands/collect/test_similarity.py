"""Near duplicates are told from new pictures, and a changed picture from the same one in other light."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.commands.collect.similarity import SimilarPictures, changed_share, compute_fingerprint, thumbnail
from edge.preprocess import Image
from tests.support.cameras.videos import picture


def scene(seed: int = 1) -> Image:
    """Soft blobs, as a room is: uint8 BGR of (240, 320, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 200, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def with_noise(image: Image) -> Image:
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def with_thing(image: Image, colour: tuple[int, int, int] = (255, 255, 255)) -> Image:
    changed = image.copy()
    cv2.circle(changed, (200, 120), 40, colour, -1)
    return changed


def is_like(first: Image, second: Image) -> bool:
    known = SimilarPictures(10)
    known.add("first", compute_fingerprint(thumbnail(first)))
    return known.like(compute_fingerprint(thumbnail(second))) == "first"


def test_noise_light_and_size_make_no_new_picture() -> None:
    image = scene()
    brighter = cv2.convertScaleAbs(image, alpha=1.0, beta=20)
    smaller = cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA)
    encoded = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    for again in (image, with_noise(image), brighter, smaller, encoded):
        assert is_like(image, again)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [scene(2), with_thing(scene()), scene()[:, ::-1].copy()])
def test_another_picture_is_new(other: Image) -> None:
    assert not is_like(scene(), other)


def test_plain_things_differ_by_their_colour() -> None:
    assert not is_like(picture("red"), picture("green"))
    assert not is_like(np.full((48, 64, 3), 20, np.uint8), np.full((48, 64, 3), 220, np.uint8))
    assert not is_like(with_thing(scene(), (0, 0, 255)), with_thing(scene(), (0, 255, 0)))


def test_only_the_newest_are_remembered() -> None:
    known = SimilarPictures(70)
    prints = [compute_fingerprint(thumbnail(scene(seed))) for seed in range(100)]
    for number, fingerprint in enumerate(prints):
        known.add(str(number), fingerprint)
    found = [known.like(fingerprint) for fingerprint in prints]
    assert found == [None] * 30 + [str(number) for number in range(30, 100)]


def test_a_thing_changes_its_share_of_the_picture_and_light_none() -> None:
    before = thumbnail(scene())
    area = np.pi * 40**2 / (240 * 320)
    assert changed_share(before, thumbnail(with_thing(scene()))) == pytest.approx(area, rel=0.2)
    lighter = thumbnail(cv2.convertScaleAbs(scene(), alpha=1.0, beta=30))  # type: ignore[arg-type]
    assert changed_share(before, lighter) < 0.001
    assert changed_share(before, thumbnail(with_noise(scene()))) == 0
