"""A benchmark as a picture, draw_plot by OpenCV: a device has no matplotlib."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.commands.bench.figures import Bench, StageTime
from edge.errors import StorageError
from edge.preprocess import Image

WIDTH, MARGIN, NAMES, ROW, BAR = 1200, 48, 190, 62, 32
HEAD, FOOT = 150, 150
INK, GREY, FAINT = (45, 40, 38), (120, 115, 110), (228, 226, 224)
BAR_COLOUR, LIMIT_COLOUR = (178, 128, 64), (40, 120, 226)  # BGR
FONT = cv2.FONT_HERSHEY_DUPLEX
STEPS = (1.0, 2.0, 5.0, 10.0)


def write_plot(bench: Bench, path: Path) -> None:
    """Write the picture as PNG; raises StorageError."""
    try:
        path.write_bytes(cv2.imencode(".png", draw_plot(bench))[1].tobytes())
    except OSError as error:
        why = error.strerror or str(error)
        raise StorageError(f"can't write {path}", why, "give another --plot") from error


def draw_plot(bench: Bench) -> Image:
    """Bars to the median of each stage, with a whisker to the 95th percentile: uint8 BGR (h, 1200, 3)."""
    stages = bench.stage_timing.stages
    bottom = HEAD + ROW * len(stages)
    picture = np.full((bottom + FOOT, WIDTH, 3), 255, np.uint8)
    _draw_head(picture, bench)
    left, right = MARGIN + NAMES, WIDTH - MARGIN - 130
    longest_ms = max(each.p95_ms for each in stages)
    scale = (right - left) / max(longest_ms, 1e-3)
    _draw_axis(picture, left, right, bottom, scale)
    for number, each in enumerate(stages):
        colour = LIMIT_COLOUR if each.stage == bench.limited_by.stage else BAR_COLOUR
        _draw_stage(picture, each, HEAD + ROW * number + ROW // 2, scale, colour)
    _draw_foot(picture, bench, bottom)
    return picture


def _draw_head(picture: Image, bench: Bench) -> None:
    threads = f"{bench.threads} thread{'s' if bench.threads > 1 else ''}"
    _write(picture, bench.model.shown, (MARGIN, 56), size=1.1)
    _write(picture, f"{bench.machine.name}, {bench.runtime}, {threads}", (MARGIN, 92), colour=GREY)
    size = f"{bench.stage_timing.width}×{bench.stage_timing.height}"
    pictures = f"{bench.date}, {bench.stage_timing.frames} pictures of {size}"
    _write(picture, pictures, (MARGIN, 122), colour=GREY)


def _draw_axis(picture: Image, left: int, right: int, bottom: int, scale: float) -> None:
    step_ms = tick_ms((right - left) / scale)
    for number in range(int((right - left) / scale / step_ms) + 1):
        x = left + round(number * step_ms * scale)
        cv2.line(picture, (x, HEAD), (x, bottom), FAINT, 1)
        _write(picture, f"{number * step_ms:g}", (x, bottom + 24), size=0.55, colour=GREY, anchor=0.5)
    _write(picture, "ms", (right + 24, bottom + 24), size=0.55, colour=GREY)


def _draw_stage(
    picture: Image, stage: StageTime, middle: int, scale: float, colour: tuple[int, int, int]
) -> None:
    left, half = MARGIN + NAMES, BAR // 2
    median, far = left + round(stage.p50_ms * scale), left + round(stage.p95_ms * scale)
    _write(picture, stage.stage, (left - 18, middle + 8), anchor=1.0)
    cv2.rectangle(picture, (left, middle - half), (max(left + 1, median), middle + half), colour, cv2.FILLED)
    cv2.line(picture, (median, middle), (far, middle), INK, 2)
    cv2.line(picture, (far, middle - half // 2), (far, middle + half // 2), INK, 2)
    _write(picture, f"{stage.p50_ms:.2f} ms", (far + 14, middle + 8), size=0.65)


def _draw_foot(picture: Image, bench: Bench, bottom: int) -> None:
    rates = f"{bench.agent.fps:.1f} frames/s by the agent, {bench.stage_timing.fps:.1f} in one thread"
    if bench.agent.memory_peak_mb is not None:
        rates += f"; {bench.agent.memory_peak_mb:.0f} MB at most"
    _write(picture, f"limited by: {bench.limited_by.text}", (MARGIN, bottom + 68))
    _write(picture, rates, (MARGIN, bottom + 98), colour=GREY)
    _write(picture, "bars: median, whiskers: 95th percentile", (MARGIN, bottom + 126), size=0.55, colour=GREY)


def tick_ms(longest_ms: float) -> float:
    """The distance of the axis' marks: 1, 2 or 5 times a power of ten, for four to ten of them."""
    power = 10.0 ** np.floor(np.log10(max(longest_ms, 1e-3) / 4))
    return float(max(step * power for step in STEPS if step * power <= longest_ms / 4 * (1 + 1e-9)))


def _write(
    picture: Image,
    text: str,
    place: tuple[int, int],
    *,
    size: float = 0.7,
    colour: tuple[int, int, int] = INK,
    anchor: float = 0.0,
) -> None:
    """Text on a base line; anchor: which part of its width is left of `place`. Its fonts know ASCII only."""
    plain = text.replace("×", "x").replace("…", "...").encode("ascii", "replace").decode()
    (width, _), _ = cv2.getTextSize(plain, FONT, size, 1)
    start = (round(place[0] - anchor * width), place[1])
    cv2.putText(picture, plain, start, FONT, size, colour, 1, cv2.LINE_AA)
