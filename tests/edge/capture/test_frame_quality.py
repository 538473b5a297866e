"""Pictures that show nothing are found, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.frame_quality import HOLD_S, SEEN_S, QualityCheck
from edge.preprocess import IMAGE_SUFFIXES, Image, read_image
from edge.records import UnknownReason
from tests.support.cameras.videos import BGR
from tests.support.models.photographs import draw

SHARED = Path(__file__).parents[4] / "shared"
VIDEO = SHARED / "media" / "one-by-one-person-detection.mp4"
PHOTOGRAPHS = SHARED / "datasets" / "grocery10"
FPS, WIDTH, HEIGHT = 10, 96, 72
SPOILS: dict[str, Callable[[Image], Image]] = {
    "dark": np.zeros_like,
    "bright": lambda image: np.full_like(image, 255),
    "covered": lambda image: np.full_like(image, 90),
}


def noisy(image: Image, rng: np.random.Generator, sigma: float = 3.0) -> Image:
    return np.clip(image + rng.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def camera(
    pictures: Iterable[Image], check: QualityCheck, first_s: float = 0.0
) -> Iterator[UnknownReason | None]:
    """What is found in each picture of a camera of 10 a second."""
    for number, picture in enumerate(pictures):
        yield check.judge(picture, first_s + number / FPS)


def scene(seconds: float, seed: int = 0) -> Iterator[Image]:
    """A fixed scene with a sensor's noise."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(draw("disc", rng), (WIDTH, HEIGHT))
    for _ in range(round(seconds * FPS)):
        yield noisy(image, rng)  # type: ignore[arg-type]


def watched(seconds: float = SEEN_S + 1) -> QualityCheck:
    """A check that has seen a good camera for a while."""
    check = QualityCheck()
    assert set(camera(scene(seconds), check)) == {None}
    return check


@pytest.mark.parametrize("reason", SPOILS)
def test_a_spoilt_picture_is_found_after_a_moment_and_left_with_the_first_good_one(reason: str) -> None:
    check, rng = watched(), np.random.default_rng(1)
    for start_s in (20.0, 40.0, 60.0):
        spoilt = (noisy(SPOILS[reason](picture), rng) for picture in scene(2))
        found = list(camera(spoilt, check, start_s))
        held = round(HOLD_S * FPS)
        assert found == [None] * held + [reason] * (20 - held)
        assert set(camera(scene(12, seed=3), check, start_s + 2)) == {None}


def test_before_it_is_sure_a_picture_is_pending() -> None:
    check = watched()
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert check.judge(black, 20.0) is None
    assert check.is_pending
    assert check.judge(black, 21.0) == "dark"
    assert not check.is_pending
    assert check.judge(next(scene(1)), 21.1) is None
    assert not check.is_pending


def test_single_black_pictures_say_nothing() -> None:
    check = watched()
    pictures = [np.zeros_like(picture) if n % 7 == 0 else picture for n, picture in enumerate(scene(20))]
    assert set(camera(pictures, check, 20.0)) == {None}


@pytest.mark.parametrize("share", [0.5, 0.25, 0.12])
def test_a_dim_room_is_not_dark(share: float) -> None:
    rng = np.random.default_rng(2)
    dim = (noisy((picture * share).astype(np.uint8), rng, 1.0) for picture in scene(5))
    assert set(camera(dim, QualityCheck())) == {None}


@pytest.mark.parametrize("colour", [*BGR.values(), (90, 90, 90), (200, 200, 200), (40, 40, 40)])
@pytest.mark.parametrize("sigma", [0.0, 4.0])
def test_what_was_always_plain_is_not_covered(colour: tuple[int, int, int], sigma: float) -> None:
    rng = np.random.default_rng(3)
    plain = (noisy(np.full((48, 64, 3), colour, np.uint8), rng, sigma) for _ in range(300))
    assert set(camera(plain, QualityCheck())) == {None}


def test_a_slow_fall_off_of_light_is_no_structure() -> None:
    check, rng = watched(), np.random.default_rng(4)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    finger = np.dstack([20 + y / 3, 30 + x / 6, 90 + x])
    covered = (noisy(finger, rng, 4.0) for _ in range(20))
    assert list(camera(covered, check, 20.0))[-1] == "covered"


def test_a_frozen_picture_is_found_after_the_time_set_and_again() -> None:
    for after_s in (1.0, 5.0):
        check = QualityCheck(after_s)
        assert set(camera(scene(8), check)) == {None}
        for start_s in (8.0, 28.0, 48.0):
            last = list(scene(1, seed=5))[-1]
            found = list(camera([last] * 80, check, start_s))
            still = round(after_s * FPS)
            assert set(found[:still]) == {None}
            assert set(found[still + 1 :]) == {"frozen"}
            assert set(camera(scene(12, seed=6), check, start_s + 8)) == {None}


def test_frozen_can_be_turned_off() -> None:
    check = QualityCheck(0.0)
    assert set(camera(scene(8), check)) == {None}
    assert set(camera([next(scene(1))] * 300, check, 8.0)) == {None}


def test_what_never_had_noise_is_never_frozen() -> None:
    rng = np.random.default_rng(7)
    slides = [draw("stripes", rng) for _ in range(5)]
    shown = [slide for slide in slides for _ in range(30)] + [slides[-1]] * 600
    assert set(camera(shown, QualityCheck())) == {None}


def test_a_window_that_moves_on_a_still_screen_does_not_make_it_a_camera() -> None:
    rng = np.random.default_rng(8)
    screen = cv2.resize(draw("disc", rng), (WIDTH, HEIGHT))
    pictures = []
    for number in range(600):
        picture = screen.copy()
        if number < 300:
            picture[20:60, 20:60] = rng.integers(0, 255, (40, 40, 3))
        pictures.append(picture)
    assert set(camera(pictures, QualityCheck())) == {None}  # type: ignore[arg-type]


def test_a_clock_that_goes_on_in_a_frozen_picture_does_not_hide_it() -> None:
    check, rng = watched(), np.random.default_rng(9)
    last = next(scene(1))
    pictures = []
    for _ in range(100):
        picture = last.copy()
        picture[1:6, 1:18] = rng.integers(0, 255, (5, 17, 3))
        pictures.append(picture)
    assert list(camera(pictures, check, 20.0))[-1] == "frozen"


def test_a_camera_that_often_stands_still_is_not_frozen() -> None:
    """As with a compression that refreshes a still scene every four seconds only."""
    check = QualityCheck()
    picture = next(scene(1))
    shown = []
    for number, fresh in enumerate(scene(300)):
        picture = fresh if number % 40 == 0 else picture
        shown.append(picture)
    assert set(camera(shown + [picture] * 80, check)) == {None}


def test_a_frame_every_ten_seconds_can_freeze_too() -> None:
    check = QualityCheck()
    good = [check.judge(picture, 10.0 * number) for number, picture in enumerate(scene(3))]
    assert set(good) == {None}
    last = next(scene(1, seed=2))
    found = [check.judge(last, 300.0 + 10 * number) for number in range(6)]
    assert found == [None, None, None, "frozen", "frozen", "frozen"]


def test_dark_comes_before_frozen_and_leaves_nothing_behind() -> None:
    check = watched()
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert set(list(camera([black] * 200, check, 20.0))[6:]) == {"dark"}
    assert set(camera(scene(10, seed=4), check, 40.0)) == {None}
    assert list(camera([next(scene(1))] * 100, check, 50.0))[-1] == "frozen"


def test_another_size_of_picture_begins_anew() -> None:
    check = watched()
    large = [cv2.resize(picture, (320, 200)) for picture in scene(3)]
    assert set(camera(large, check, 20.0)) == {None}  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (16, 16), (8, 500), (97, 1)])
def test_any_size_can_be_judged(size: tuple[int, int]) -> None:
    check = QualityCheck()
    found = list(camera([np.zeros((*size, 3), np.uint8)] * 10, check))
    assert found[-1] == "dark"


def test_a_real_camera_raises_no_alarm_until_it_freezes() -> None:
    if not VIDEO.is_file():
        pytest.skip(f"{VIDEO.name} is not there")
    capture, check = cv2.VideoCapture(str(VIDEO)), QualityCheck()
    delivered, picture = capture.read()
    number = 0
    while delivered:
        last = picture
        assert check.judge(last, number / FPS) is None, number
        assert not check.is_pending
        number += 1
        delivered, picture = capture.read()
    found = list(camera([last] * 80, check, number / FPS))  # type: ignore[list-item]
    assert found[-1] == "frozen"


def test_photographs_raise_no_alarm() -> None:
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f"{PHOTOGRAPHS.name} is not there")
    paths = sorted(path for path in PHOTOGRAPHS.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    together = QualityCheck()
    for number, path in enumerate(paths[::7]):
        picture = read_image(path)
        alone = QualityCheck()
        assert [alone.judge(picture, second) for second in (0.0, 1.0)] == [None, None], path.name
        assert together.judge(picture, number) is None, path.name
        assert not together.is_pending


def test_a_picture_that_shows_nothing_in_turns_in_two_ways_is_found_too() -> None:
    check, rng = watched(), np.random.default_rng(1)
    levels = [20 if number % 2 else 60 for number in range(2 * FPS)]
    flat = (noisy(np.full((HEIGHT, WIDTH, 3), level, np.uint8), rng, 1.0) for level in levels)
    found = list(camera(flat, check, 20.0))
    assert None not in found[round(HOLD_S * FPS) :]
