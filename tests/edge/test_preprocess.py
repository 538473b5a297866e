"""Decode, crop, resize, colour: one implementation for training and for the device."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ImageError
from edge.preprocess import PAD_VALUE, PreprocessSpec, decode, encode_png, prepare, read_image, reduction
from tests.support.cameras.videos import BGR

ORIENTATION_6 = b"\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03" + (
    b"\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
)


def encoded(suffix: str, image: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, image, options)[1].tobytes()


def photo(width: int = 400, height: int = 300) -> np.ndarray:
    """Smooth at large, with fine texture: what resizing methods differ on."""
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.clip(smooth + random.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_lossless_formats_keep_every_pixel(suffix: str) -> None:
    image = photo(40, 30)
    assert np.array_equal(decode(encoded(suffix, image)), image)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_stay_close(suffix: str) -> None:
    image = cv2.GaussianBlur(photo(64, 48), (9, 9), 0)
    difference = np.abs(decode(encoded(suffix, image)).astype(int) - image)
    assert difference.mean() < 6


def test_grey_becomes_three_equal_channels() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image = decode(encoded(".png", grey))
    assert image.shape == (8, 8, 3)
    assert all(np.array_equal(image[..., channel], grey) for channel in range(3))


@pytest.mark.parametrize(("suffix", "options"), [(".png", ()), (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101))])
def test_transparency_is_laid_over_white(suffix: str, options: tuple[int, ...]) -> None:
    image = np.zeros((8, 8, 4), np.uint8)
    image[:, :, 2] = 200
    image[:4, :, 3] = 255
    image[4:6, :, 3] = 51
    over_white = decode(encoded(suffix, image, *options))
    assert over_white[0, 0].tolist() == [0, 0, 200]
    assert over_white[5, 0].tolist() == [204, 204, 244]
    assert over_white[7, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_become_eight(channels: int) -> None:
    image = np.full((8, 8, channels), 0x8080, np.uint16)
    if channels == 4:
        image[..., 3] = 0xFFFF
    decoded = decode(encoded(".png", image.squeeze()))
    assert decoded.dtype == np.uint8
    assert decoded.shape == (8, 8, 3)
    assert (decoded == 0x80).all()


def test_exif_orientation_is_applied() -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:, :16] = 255
    jpeg = encoded(".jpg", upright)
    turned = decode(jpeg[:2] + ORIENTATION_6 + jpeg[2:])
    assert turned.shape == (32, 16, 3)
    assert turned[2, 8].min() > 200
    assert turned[30, 8].max() < 50


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_image_is_an_error(suffix: str, part: float) -> None:
    data = encoded(suffix, photo(80, 60))
    with pytest.raises(ImageError, match=r"can't decode cat.*damaged"):
        decode(data[: int(len(data) * part)], "cat")


@pytest.mark.parametrize(("data", "why"), [(b"", "it is empty"), (b"<html>no</html>", "not an image")])
def test_what_is_no_image_is_an_error(data: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        decode(data, "cat")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.jpg: No such file"):
        read_image(tmp_path / "none.jpg")


def test_png_round_trip_loses_nothing() -> None:
    image = photo(33, 17)
    assert np.array_equal(decode(encode_png(image)), image)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("interpolation", ["pyramid", "area", "linear"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (31, 33), (32, 24), (640, 480), (2000, 40)])
def test_any_size_becomes_the_models_size_in_rgb(fit: str, interpolation: str, size: tuple[int, int]) -> None:
    spec = PreprocessSpec(32, 24, fit, interpolation)  # type: ignore[arg-type]
    image = np.full((size[1], size[0], 3), BGR["red"], np.uint8)
    result = prepare(image, spec)
    assert result.shape == (24, 32, 3)
    is_red = (result == BGR["red"][::-1]).all(axis=2)
    assert is_red.any() if fit == "pad" else is_red.all()


def test_crop_keeps_the_centre() -> None:
    image = np.zeros((40, 120, 3), np.uint8)
    image[:, 40:80] = 255
    assert prepare(image, PreprocessSpec(20, 20, "crop")).min() == 255


def test_crop_takes_the_centre_of_a_tall_picture_too() -> None:
    image = np.zeros((120, 40, 3), np.uint8)
    image[40:80] = 255
    assert prepare(image, PreprocessSpec(20, 20, "crop")).min() == 255


def test_pad_keeps_all_and_adds_grey() -> None:
    result = prepare(np.full((40, 80, 3), 255, np.uint8), PreprocessSpec(20, 20, "pad"))
    assert (result[5:15] == 255).all()
    assert (result[:5] == PAD_VALUE).all()
    assert (result[15:] == PAD_VALUE).all()


def test_stretch_keeps_all_and_ignores_the_aspect_ratio() -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 40:] = 255
    result = prepare(image, PreprocessSpec(20, 20, "stretch"))
    assert (result[:, :9] == 0).all()
    assert (result[:, 11:] == 255).all()


@pytest.mark.parametrize("size", [(400, 300), (1280, 960), (451, 337), (100, 75)])
def test_pyramid_is_close_to_area(size: tuple[int, int]) -> None:
    image = photo(*size)
    pyramid, area = (prepare(image, PreprocessSpec(48, 48, "crop", how)) for how in ("pyramid", "area"))  # type: ignore[arg-type]
    assert np.abs(pyramid.astype(int) - area).mean() < 3.5


def test_the_result_is_written_into_out() -> None:
    for fit in ("crop", "pad", "stretch"):
        spec = PreprocessSpec(32, 24, fit)  # type: ignore[arg-type]
        tensor = np.zeros((1, 24, 32, 3), np.uint8)
        result = prepare(photo(), spec, out=tensor[0])
        assert np.shares_memory(result, tensor)
        assert np.array_equal(tensor[0], prepare(photo(), spec))


def test_a_view_that_is_not_contiguous_gives_what_its_copy_gives() -> None:
    image = photo()
    for view in (image[::2, ::3], image[:, ::-1], image[10:200, 20:220], image.transpose(1, 0, 2)):
        spec = PreprocessSpec(32, 32)
        assert np.array_equal(prepare(view, spec), prepare(view.copy(), spec))


def test_the_callers_picture_is_left_alone() -> None:
    image = photo(32, 32)
    before = image.copy()
    prepare(image, PreprocessSpec(32, 32))
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("size", "spec", "factor"),
    [
        ((1920, 1080), PreprocessSpec(224, 224), 2),
        ((1920, 1080), PreprocessSpec(160, 160), 4),
        ((1920, 1080), PreprocessSpec(360, 360), 2),
        ((1920, 1080), PreprocessSpec(361, 361), 1),
        ((1080, 1920), PreprocessSpec(224, 224, "pad"), 4),
        ((1920, 1080), PreprocessSpec(224, 224, "stretch"), 2),
        ((4000, 4000), PreprocessSpec(32, 32), 8),
        ((1920, 1080), PreprocessSpec(224, 224, interpolation="area"), 1),
        ((1920, 1080), PreprocessSpec(224, 224, interpolation="linear"), 1),
        ((1922, 1080), PreprocessSpec(160, 160), 2),
        ((1921, 1080), PreprocessSpec(160, 160), 1),
        ((1, 1), PreprocessSpec(224, 224), 1),
    ],
)
def test_a_jpeg_is_reduced_no_more_than_the_pyramid_would(
    size: tuple[int, int], spec: PreprocessSpec, factor: int
) -> None:
    assert reduction(spec, *size) == factor


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(640, 480), (648, 488), (488, 1000)])
def test_a_reduced_jpeg_is_prepared_to_nearly_the_same(fit: str, size: tuple[int, int]) -> None:
    spec = PreprocessSpec(64, 48, fit)
    data = encoded(".jpg", photo(*size))
    factor = reduction(spec, *size)
    assert factor > 1
    whole, reduced = decode(data), decode(data, reduced=factor)
    assert reduced.shape[:2] == tuple(-(-side // factor) for side in whole.shape[:2])
    difference = np.abs(prepare(whole, spec).astype(int) - prepare(reduced, spec))
    assert difference.mean() < 2.5
