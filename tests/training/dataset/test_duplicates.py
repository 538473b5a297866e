"""Near duplicates: found in whatever dress, never invented, and never all of a set."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.preprocess import Image, decode
from training.dataset.duplicates import LEAST_LIKENESS, clusters, find_pairs, likeness_limit
from training.dataset.image_stats import Facts, measure
from training.dataset.scan import scan
from training.progress import Silent

GROCERY = Path(__file__).parents[4] / "shared" / "datasets" / "grocery10"


def _facts(image: Image) -> Facts:
    data = cv2.imencode(".png", image)[1].tobytes()
    return measure(decode(data), data)


def _scene(seed: int) -> Image:
    """A picture of many blobs: structure all over, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)
    image: Image = cv2.resize(coarse, (240, 240), interpolation=cv2.INTER_CUBIC)
    return image


def _jpeg(image: Image, quality: int) -> Image:
    return decode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def _changed(image: Image) -> list[Image]:
    matrix = cv2.getRotationMatrix2D((120, 120), 1, 1)
    return [
        _jpeg(image, 30),
        cv2.resize(image, (100, 100), interpolation=cv2.INTER_AREA),  # type: ignore[list-item]
        np.clip(image * 0.8 + 20, 0, 255).astype(np.uint8),
        image[3:-3, 3:-3],
        cv2.warpAffine(image, matrix, (240, 240), borderMode=cv2.BORDER_REPLICATE),  # type: ignore[list-item]
    ]


def test_changed_copies_are_found_and_nothing_else() -> None:
    scenes = [_scene(seed) for seed in range(40)]
    pictures = [*scenes, *_changed(scenes[0]), *_changed(scenes[7])]
    facts = [_facts(picture) for picture in pictures]
    found = clusters(find_pairs(facts), len(facts))
    assert found == [(0, 40, 41, 42, 43, 44), (7, 45, 46, 47, 48, 49)]


def test_the_same_thing_in_another_colour_is_another_thing() -> None:
    red = np.full((200, 200, 3), 200, np.uint8)
    cv2.circle(red, (90, 110), 50, (30, 40, 220), -1)
    blue = red[:, :, ::-1].copy()
    assert len(find_pairs([_facts(red), _facts(blue)]).first) == 0
    assert len(find_pairs([_facts(red), _facts(_jpeg(red, 40))]).first) == 1


def test_black_and_plain_pictures_are_no_duplicates_of_each_other() -> None:
    plain = [_facts(np.full((50, 50, 3), value, np.uint8)) for value in (0, 0, 1, 128, 255)]
    assert len(find_pairs(plain).first) == 0


def test_no_pictures_and_one_picture_have_no_pairs() -> None:
    assert clusters(find_pairs([]), 0) == []
    assert clusters(find_pairs([_facts(_scene(1))]), 1) == []


def test_pictures_of_one_kind_must_be_more_alike_than_others() -> None:
    rng = np.random.default_rng(5)
    kind = _scene(3).astype(np.float64)
    alike = [np.clip(kind + rng.normal(0, 40, kind.shape), 0, 255).astype(np.uint8) for _ in range(60)]
    assert likeness_limit([_facts(_scene(seed)) for seed in range(60)]) == LEAST_LIKENESS
    assert likeness_limit([_facts(picture) for picture in alike]) > 0.95


def test_a_chain_of_look_alikes_is_cut() -> None:
    """A slow pan: each picture resembles the next, the first and the last have nothing in common."""
    wide = cv2.resize(np.random.default_rng(4).integers(0, 255, (9, 60, 3), dtype=np.uint8), (1600, 240))
    facts = [_facts(wide[:, left : left + 240]) for left in range(0, 1200, 4)]
    facts += [_facts(_scene(seed)) for seed in range(300)]
    sizes = [len(cluster) for cluster in clusters(find_pairs(facts), len(facts))]
    assert max(sizes) <= 60


def test_a_hundred_thousand_are_compared_in_bounded_time_and_memory() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 20_000, dtype=np.uint64)
    hashes[1] = hashes[0] ^ np.uint64(5)
    thumbnail = rng.integers(-127, 128, 1024).astype(np.int8).tobytes()
    other = [rng.integers(-127, 128, 1024).astype(np.int8).tobytes() for _ in range(50)]
    facts = [
        Facts(640, 480, 3, 100.0, 0.0, 0.0, 300.0, int(bits), thumbnail if n < 2 else other[n % 50])
        for n, bits in enumerate(hashes)
    ]
    started = time.monotonic()
    assert clusters(find_pairs(facts), len(facts)) == [(0, 1)]
    assert time.monotonic() - started < 60  # a 25th of the work; 0.5 s on two idle cores


@pytest.mark.slow
def test_the_grocery_photographs_are_all_different() -> None:
    if not GROCERY.is_dir():
        pytest.skip("../shared/datasets/grocery10 is not here")
    found = scan(GROCERY, Silent())
    facts = [photograph.facts for photograph in found.photographs if photograph.facts]
    assert len(found.other) == 60
    assert clusters(find_pairs(facts), len(facts)) == []


@pytest.mark.slow
def test_solar_cells_of_one_kind_are_not_one_cluster(tmp_path: Path) -> None:
    if importlib.util.find_spec("elpv_dataset") is None:
        pytest.skip("elpv-dataset is not installed")
    from training.demo.elpv import lay_out_cells

    found = scan(lay_out_cells(tmp_path / "cells"), Silent())
    facts = [photograph.facts for photograph in found.photographs if photograph.facts]
    alike = clusters(find_pairs(facts), len(facts))
    names = [{found.photographs[index].path.name for index in cluster} for cluster in alike]
    assert any({"cell1508.png", "cell1509.png"} <= cluster for cluster in names)  # one cell, taken twice
    assert max(map(len, alike)) <= len(facts) // 10
