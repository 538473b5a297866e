"""The only decode, crop, resize and colour code in the repository.

Training, calibration, evaluation, self-test and live frames all go through `prepare`, so what was
trained is what runs. Its parameters travel inside the model file as a PreprocessSpec.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ImageError
from edge.input_settings import Fit as Fit
from edge.input_settings import Interpolation as Interpolation
from edge.region import PixelRegion

Image = NDArray[np.uint8]
Pixels = TypeVar("Pixels", NDArray[np.uint8], NDArray[np.float32])

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
# Borders in the middle of the range: after normalisation they are close to 0.
PAD_VALUE = 128
OPAQUE = 255
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
MAX_REDUCED = max(REDUCED)
FLIPS = {"horizontal": 1, "vertical": 0}


@dataclass(frozen=True, slots=True)
class PreprocessSpec:
    """How a picture becomes a model's input.

    width, height: the input's size in pixels. fit: `crop` keeps the centre, `pad` adds grey borders,
    `stretch` ignores the aspect ratio. interpolation: `pyramid` halves by 2×2 means until less than
    three times as large and ends bilinear (close to `area` at a tenth of its time), `area` is OpenCV's
    INTER_AREA, `linear` is plain bilinear (what MediaPipe does).
    """

    width: int
    height: int
    fit: Fit = "crop"
    interpolation: Interpolation = "pyramid"


def limit_threads(count: int) -> None:
    """Let OpenCV use at most `count` threads of its own in this process."""
    cv2.setNumThreads(count)


def reduction(spec: PreprocessSpec, width: int, height: int) -> int:
    """By how much a JPEG of this size may be reduced as it is decoded: 1, 2, 4 or 8.

    The decoder's halvings stand in for the pyramid's first ones, so there are never more than it would make.
    """
    if spec.interpolation != "pyramid":
        return 1
    # the decoder rounds up, which would move the picture where its sides can't be halved
    sides = math.gcd(width, height, MAX_REDUCED)
    if spec.fit == "pad":
        inner_width, inner_height = _compute_inner_size(width, height, spec)
    else:
        inner_width, inner_height = spec.width, spec.height
        width, height = _compute_cropped_size(width, height, spec)
    factor = 1
    while sides % (2 * factor) == 0 and _is_much_larger(width, height, inner_width, inner_height):
        width, height, factor = width // 2, height // 2, 2 * factor
    return factor


def decode(data: bytes | memoryview, name: str = "picture", *, reduced: int = 1) -> Image:
    """Decode JPEG, PNG, BMP or WebP bytes to uint8 BGR of shape (height, width, 3).

    reduced: 2, 4 or 8 for a JPEG at so many times less in width and height (rounded up), which is quicker.
    Grey becomes three equal channels, transparency is laid over white, 16 bits become 8, and EXIF
    orientation is applied (not to pictures with transparency). Raises ImageError.
    """
    buffer = np.frombuffer(data, np.uint8)
    if buffer.size == 0:
        raise ImageError(f"can't decode {name}", "it is empty", "remove it or replace it")
    image = _decode_buffer(buffer, name, REDUCED[reduced])
    if _may_have_alpha(data):
        raw = _decode_buffer(buffer, name, cv2.IMREAD_UNCHANGED)
        if raw.ndim == 3 and raw.shape[2] == 4:
            return _blend_over_white(raw)
    return image


def read_image(path: Path) -> Image:
    """Read an image file to uint8 BGR of shape (height, width, 3); raises ImageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"can't read {path}", error.strerror or str(error), "check the path") from error
    return decode(data, str(path))


def encode_png(image: Image) -> bytes:
    """Encode uint8 BGR of shape (height, width, 3) without loss."""
    encoded, data = cv2.imencode(".png", image)
    if not encoded:
        raise ImageError("can't encode a picture", f"shape {image.shape}", "use uint8 of (h, w, 3)")
    return data.tobytes()


def cut(image: Image, region: PixelRegion) -> Image:
    """A region of uint8 BGR (height, width, 3): cut out (a view), then turned clockwise, then mirrored."""
    part = image[region.y : region.y + region.height, region.x : region.x + region.width]
    if region.rotate:
        part = cv2.rotate(part, TURNS[region.rotate])  # type: ignore[assignment]
    if region.flip is not None:
        part = cv2.flip(part, FLIPS[region.flip])  # type: ignore[assignment]
    return part


def prepare(image: Image, spec: PreprocessSpec, out: Image | None = None) -> Image:
    """Turn uint8 BGR of any size into uint8 RGB of shape (spec.height, spec.width, 3).

    Written into `out` where given (an interpreter's input tensor, for instance), else into a new array.
    """
    if out is None:
        out = np.empty((spec.height, spec.width, 3), np.uint8)
    if spec.fit == "pad":
        sized = _pad(image, spec)
    else:
        sized = _resize(_crop_to_fit(image, spec), spec.width, spec.height, spec)
    cv2.cvtColor(sized, cv2.COLOR_BGR2RGB, dst=out)
    return out


def _decode_buffer(buffer: NDArray[np.uint8], name: str, flags: int) -> Image:
    try:
        image = cv2.imdecode(buffer, flags)
    except cv2.error as error:
        raise ImageError(f"can't decode {name}", error.err or "damaged", "remove it or replace it") from error
    if image is None:
        raise ImageError(f"can't decode {name}", "damaged, or not an image", "remove it or replace it")
    return image  # type: ignore[return-value]


def _may_have_alpha(data: bytes | memoryview) -> bool:
    return data[:8] == b"\x89PNG\r\n\x1a\n" or data[8:12] == b"WEBP"


def _blend_over_white(image: NDArray[np.uint8] | NDArray[np.uint16]) -> Image:
    scale = OPAQUE / np.iinfo(image.dtype).max
    pixels = image.astype(np.float32) * scale
    alpha = pixels[..., 3:] / OPAQUE
    return np.rint(pixels[..., :3] * alpha + OPAQUE * (1 - alpha)).astype(np.uint8)


def _compute_cropped_size(width: int, height: int, spec: PreprocessSpec) -> tuple[int, int]:
    """Width and height of the centre with the target's aspect ratio, or of all of it for `stretch`."""
    if spec.fit == "stretch" or width * spec.height == height * spec.width:
        return width, height
    crop_width = min(width, max(1, round(height * spec.width / spec.height)))
    return crop_width, min(height, max(1, round(width * spec.height / spec.width)))


def _compute_inner_size(width: int, height: int, spec: PreprocessSpec) -> tuple[int, int]:
    """Width and height of a picture inside its grey borders."""
    scale = min(spec.width / width, spec.height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _crop_to_fit(image: Image, spec: PreprocessSpec) -> Image:
    """Centre crop to the target's aspect ratio (a view), or the whole picture for `stretch`."""
    height, width = image.shape[:2]
    crop_width, crop_height = _compute_cropped_size(width, height, spec)
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return image[top : top + crop_height, left : left + crop_width]


def _pad(image: Image, spec: PreprocessSpec) -> Image:
    inner_width, inner_height = _compute_inner_size(image.shape[1], image.shape[0], spec)
    canvas = np.full((spec.height, spec.width, 3), PAD_VALUE, np.uint8)
    left, top = (spec.width - inner_width) // 2, (spec.height - inner_height) // 2
    inner = _resize(image, inner_width, inner_height, spec)
    canvas[top : top + inner_height, left : left + inner_width] = inner
    return canvas


def _is_much_larger(width: int, height: int, wanted_width: int, wanted_height: int) -> bool:
    # halving already at twice the size blurs: that cost 1.5 points on photographs (LOG.md)
    return width >= 3 * wanted_width and height >= 3 * wanted_height


def _resize(image: Image, width: int, height: int, spec: PreprocessSpec) -> Image:
    if spec.interpolation == "area":
        shrinks = image.shape[1] > width or image.shape[0] > height
        flag = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(image, (width, height), interpolation=flag)  # type: ignore[return-value]
    while spec.interpolation == "pyramid" and _is_much_larger(image.shape[1], image.shape[0], width, height):
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
