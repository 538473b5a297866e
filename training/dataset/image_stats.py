"""What one decoded picture is like: size, channels, brightness, sharpness and what it resembles.

Computed by `scan` from the one read of each file; the audit and the search for near duplicates live on it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image, PreprocessSpec, prepare

NORMAL_SIDE_PX = 256
HASH_SIDE = 8  # of the lowest frequencies
THUMBNAIL_SIDE_PX = 32
NEARLY_BLACK, NEARLY_WHITE = 20, 235
FLAT_DEVIATION = 2.0
COLOUR = 3
CHANNELS = {"1": 1, "L": 1, "I": 1, "F": 1, "LA": 4, "RGBA": 4, "PA": 4, "RGBa": 4, "La": 4}


@dataclass(frozen=True, slots=True)
class Facts:
    """Measurements of one picture.

    width_px, height_px: as shown (EXIF orientation applied). channels: of the file as stored, 1 grey,
    3 colour, 4 with transparency. luma: mean brightness, 0 to 255. black_share, white_share: of pixels up
    to 20 and from 235. sharpness: see `sharpness_of`. phash: 64-bit perceptual hash. thumbnail: 32×32
    int8, the brightness without its mean, scaled to ±127; all zero for a picture that is one flat tone.
    tint: mean red and blue chroma (Cr and Cb, −128 to 127), 0 for grey.
    """

    width_px: int
    height_px: int
    channels: int
    luma: float
    black_share: float
    white_share: float
    sharpness: float
    phash: int
    thumbnail: bytes
    tint: tuple[float, float] = (0.0, 0.0)

    @property
    def flat(self) -> bool:
        """One tone all over: nothing to compare by."""
        return not any(self.thumbnail)


def measure(image: Image, data: bytes) -> Facts:
    """The facts of a picture, uint8 BGR of (height, width, 3), decoded from the file's content `data`."""
    height, width = image.shape[:2]
    shrunk = _shrunk(image)
    luma: Image = cv2.cvtColor(shrunk, cv2.COLOR_RGB2GRAY)  # type: ignore[assignment]
    # of every pixel: the limits for near duplicates were found with these, and groups must stay as they are
    full: Image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)  # type: ignore[assignment]
    small: Image = cv2.resize(full, (THUMBNAIL_SIDE_PX,) * 2, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    shares = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel() / luma.size
    return Facts(
        width_px=width,
        height_px=height,
        channels=_stored_channels(data),
        luma=float(shares @ np.arange(256)),
        black_share=float(shares[: NEARLY_BLACK + 1].sum()),
        white_share=float(shares[NEARLY_WHITE:].sum()),
        sharpness=sharpness_of(luma),
        phash=perceptual_hash(small),
        thumbnail=_thumbnail(small),
        tint=_tint(shrunk),
    )


def sharpness_of(luma: Image) -> float:
    """Variance of the Laplacian of a brightness picture, uint8 (height, width): high where edges are crisp.

    The focus measure LAPV of Pertuz, Puig and García, "Analysis of focus measure operators for
    shape-from-focus", Pattern Recognition 46 (2013). It depends on size and on what is shown, so compare
    it only between pictures of one kind brought to one size.
    """
    _, deviation = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    return float(deviation[0, 0] ** 2)


def _shrunk(image: Image) -> Image:
    """RGB, the longer side at most NORMAL_SIDE_PX; never enlarged, which would look like blur."""
    height, width = image.shape[:2]
    scale = min(1.0, NORMAL_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return prepare(image, PreprocessSpec(*size, "stretch"))


def _tint(image: Image) -> tuple[float, float]:
    """Cr and Cb (ITU-R BT.601) of the mean colour: the transform is linear, so this is their mean."""
    red, green, blue, _ = cv2.mean(image)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return 0.713 * (red - luma), 0.564 * (blue - luma)


def perceptual_hash(small: Image) -> int:
    """64 bits of a brightness picture, uint8 (32, 32): which of its lowest frequencies exceed their median.

    The `phash` of the `imagehash` library, bit for bit but for rounding, without loading SciPy.
    """
    lowest = cv2.dct(small.astype(np.float32))[:HASH_SIDE, :HASH_SIDE]
    # cv2.dct is orthonormal, the library's transform is not: its constant terms weigh √2 more
    lowest[0] *= np.sqrt(2)
    lowest[:, 0] *= np.sqrt(2)
    return int.from_bytes(np.packbits(lowest > np.median(lowest)).tobytes(), "big")


def _thumbnail(small: Image) -> bytes:
    values: NDArray[np.float32] = small.astype(np.float32)
    if float(values.std()) < FLAT_DEVIATION:
        return bytes(small.size)
    values -= values.mean()
    scaled: NDArray[np.int8] = np.rint(values * (127 / np.abs(values).max())).astype(np.int8)
    return scaled.tobytes()


def _stored_channels(data: bytes) -> int:
    """What the file's header says; read without decoding. Colour where Pillow can't tell."""
    from PIL import Image as PillowImage

    try:
        with PillowImage.open(io.BytesIO(data)) as header:
            mode, transparent = header.mode, "transparency" in header.info
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError):
        return COLOUR
    return 4 if transparent else CHANNELS.get(mode.split(";")[0], COLOUR)
