"""Recorded scenes in which little moves: what a change gate could miss, written as videos by ffmpeg.

Each is made of real photographs and of the empty room of a real recording; random numbers are seeded.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image, PreprocessSpec, prepare, read_image

SHARED = Path(__file__).parents[2] / "shared"
ROOM = SHARED / "media" / "one-by-one-person-detection.mp4"
PHOTOGRAPHS = SHARED / "datasets" / "grocery10" / "test"
WIDTH, HEIGHT, FPS = 640, 360, 30
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-crf")
MJPEG = ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v")
Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """Pictures as float32 BGR, how much noise the sensor adds (σ in levels), and ffmpeg's coding options."""

    pictures: Callable[[], Iterator[Float]]
    sigma: float = 2.0
    coding: tuple[str, ...] = (*H264, "23", "-g", "60")


def photographs(count: int, seed: int) -> list[Float]:
    """Test photographs of any class, as large as the scene."""
    paths = sorted(PHOTOGRAPHS.rglob("*.jpg"))
    chosen = np.random.default_rng(seed).choice(len(paths), count, replace=False)
    return [fitted(read_image(paths[number])) for number in chosen]


def fitted(image: Image) -> Float:
    """The middle of a picture in the scene's size."""
    rgb = prepare(image, PreprocessSpec(WIDTH, HEIGHT, "crop", "area"))
    return rgb[:, :, ::-1].astype(np.float32)


def room() -> Float:
    """The recording's first picture: nobody there."""
    return fitted(np.asarray(cv2.VideoCapture(str(ROOM)).read()[1], np.uint8))


def slides(seed: int, count: int = 6, seconds: float = 2.0) -> Iterator[Float]:
    """One photograph after the other, each held."""
    for photograph in photographs(count, seed):
        yield from [photograph] * round(seconds * FPS)


def fades(seed: int, seconds: float) -> Iterator[Float]:
    """One photograph turns slowly into the next, then rests."""
    chosen = photographs(4, seed)
    for before, after in itertools.pairwise(chosen):
        for share in np.linspace(0, 1, round(seconds * FPS), dtype=np.float32):
            yield before + share * (after - before)
        yield from [after] * FPS


def dusk(seed: int, seconds: int = 15) -> Iterator[Float]:
    """The light goes down to a twentieth and comes back, so many seconds each way."""
    for photograph in photographs(2, seed):
        for light in np.concatenate(
            [np.geomspace(1, 0.05, seconds * FPS), np.geomspace(0.05, 1, seconds * FPS)]
        ):
            yield photograph * np.float32(light)


def lamp(seed: int) -> Iterator[Float]:
    """Mains light beats with the shutter: the whole picture and bands of it, by a tenth."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None, None] / HEIGHT
    for number, picture in enumerate(slides(seed)):
        yield picture * (1 + 0.1 * np.sin(2 * np.pi * (number * 0.337 + rows))).astype(np.float32)


def entering(background: Float, share: float, seed: int) -> Iterator[Float]:
    """A thing of this share of the picture slides in, rests, and leaves; three times, elsewhere."""
    rng = np.random.default_rng(seed)
    side = round((share * WIDTH * HEIGHT) ** 0.5)
    for thing in photographs(3, seed):
        small = cv2.resize(thing[:, (WIDTH - HEIGHT) // 2 : -((WIDTH - HEIGHT) // 2)], (side, side))
        top, left = (int(rng.integers(0, length - side)) for length in (HEIGHT, WIDTH))
        for shown in [0] * FPS + list(np.linspace(0, side, 10).astype(int)) + [side] * 2 * FPS:
            picture = background.copy()
            picture[top : top + side, left : left + shown] = small[:, side - shown :]
            yield picture


def between(seed: int) -> Iterator[Float]:
    """Two photographs mixed half and half, and a little more or less: the answer hangs by a thread."""
    chosen = photographs(8, seed)
    for one, other in zip(chosen[::2], chosen[1::2], strict=True):
        for share in (0.5, 0.47, 0.53):
            yield from [one + np.float32(share) * (other - one)] * 2 * FPS


def creeping(seed: int) -> Iterator[Float]:
    """The camera's view creeps aside by a pixel in five frames."""
    for one, other in zip(photographs(2, seed), photographs(2, seed + 1), strict=True):
        wide = np.hstack([one, other])
        for left in range(0, WIDTH // 8, 2):
            yield from [wide[:, left : left + WIDTH]] * 10


def blurring(seed: int) -> Iterator[Float]:
    """The lens goes out of focus and back."""
    for photograph in photographs(3, seed):
        for sigma in np.concatenate([np.linspace(0.3, 12, 5 * FPS), np.linspace(12, 0.3, 5 * FPS)]):
            yield cv2.GaussianBlur(photograph, (0, 0), float(sigma))  # type: ignore[misc]


def glimpses(seed: int) -> Iterator[Float]:
    """Another photograph for a moment, of 1 to 30 frames."""
    before, *others = photographs(9, seed)
    for other, frames in zip(others, (1, 2, 3, 4, 5, 6, 10, 30), strict=True):
        yield from [before] * 2 * FPS
        yield from [other] * frames
    yield from [before] * FPS


SCENES: dict[str, Scene] = {
    "slides": Scene(lambda: slides(1)),
    **{f"slides, noise {s}": Scene(lambda s=s: slides(s + 1), s, (*MJPEG, "2")) for s in (3, 7, 10)},
    "slides, hard H.264": Scene(lambda: slides(20), 4.0, (*H264, "33", "-g", "30")),
    "slides, hard MJPEG": Scene(lambda: slides(21), 4.0, (*MJPEG, "14")),
    "slides, no noise": Scene(lambda: slides(22), 0.0, (*MJPEG, "2")),
    "slides under a flickering lamp": Scene(lambda: lamp(23)),
    "glimpses": Scene(lambda: glimpses(24)),
    "fades of 5 s": Scene(lambda: fades(25, 5.0)),
    "fades of 10 s": Scene(lambda: fades(26, 10.0)),
    "dusk and dawn": Scene(lambda: dusk(27)),
    "half and half": Scene(lambda: between(28)),
    "creeping view": Scene(lambda: creeping(29)),
    "out of focus": Scene(lambda: blurring(30)),
    **{
        f"thing of {share:.0%} in {where}": Scene(lambda b=b, share=share: entering(b(), share, 31))
        for where, b in (("a room", room), ("a photograph", lambda: photographs(1, 40)[0]))
        for share in (0.03, 0.01)
    },
}


def record(scene: Scene, path: Path, *, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> int:
    """Write a scene as a video of this size in pixels; how many frames."""
    rng = np.random.default_rng(seed)
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24"]
    command += ["-s", f"{size[0]}x{size[1]}", "-r", str(FPS), "-i", "-", "-threads", "1", *scene.coding]
    frames = 0
    with subprocess.Popen([*command, str(path)], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for picture in scene.pictures():
            if picture.shape[1::-1] != size:
                picture = np.asarray(cv2.resize(picture, size), np.float32)  # noqa: PLW2901
            noise = rng.standard_normal(picture.shape, np.float32) * np.float32(scene.sigma)
            process.stdin.write(np.clip(picture + noise, 0, 255).astype(np.uint8).tobytes())
            frames += 1
        process.stdin.close()
        if process.wait():
            raise RuntimeError(f"ffmpeg could not write {path}")
    return frames
