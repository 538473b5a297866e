"""A recording of an inspection line, rendered from photographs: each held for a second, then the next.

The label track beside the recording says which photograph is to be seen in which frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.preprocess import Image, read_image
from training.dataset.split import Item
from training.errors import DemoError
from training.progress import Reporter

WIDTH, HEIGHT, FPS = 400, 300, 12.0
# mp4v at its fixed bit rate blurs the very cracks that make a cell defective.
CODEC = "MJPG"
# A little more than a second for each cell.
HOLD_FRAMES = 13
# How far a held cell wanders, and how much brighter or darker it gets: as on a shaking belt.
SHIFT_PX, LIGHT = 2.0, 0.04
BELT = 28


@dataclass(frozen=True, slots=True)
class Cell:
    """One photograph on the line: its number, its frames (the last one included), and what it truly is."""

    number: int
    first_frame: int
    last_frame: int
    label: str
    photograph: str


def choose_cells(items: Sequence[Item], count: int, seed: int) -> list[Item]:
    """`count` of the photographs, drawn at random: good and bad ones as often as the line makes them."""
    if len(items) < count:
        raise DemoError("can't render the recording", f"{len(items)} photographs, {count} wanted")
    order = np.random.default_rng(seed).permutation(len(items))
    return [items[i] for i in order[:count]]


def plan(items: Sequence[Item], frame_count: int) -> list[Cell]:
    """The label track: each cell is held for the same time, the last one to the end."""
    starts = [number * HOLD_FRAMES for number in range(len(items))]
    ends = [*(start - 1 for start in starts[1:]), frame_count - 1]
    return [
        Cell(number, start, end, item.label, item.path.name)
        for number, (item, start, end) in enumerate(zip(items, starts, ends, strict=True))
    ]


def render(path: Path, items: Sequence[Item], frame_count: int, seed: int, reporter: Reporter) -> list[Cell]:
    """Write the recording and, beside it, its label track as JSON; raises DemoError or OSError."""
    track = plan(items, frame_count)
    rng = np.random.default_rng(seed)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODEC), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise DemoError(f"can't write the recording {path}", "OpenCV has no encoder for it", "check the disk")
    try:
        with reporter.steps("rendering the recording", frame_count) as step:
            for cell, item in zip(track, items, strict=True):
                image = read_image(item.path)
                for _ in range(cell.first_frame, cell.last_frame + 1):
                    writer.write(draw(image, rng))
                    step()
    finally:
        writer.release()
    track_json = json.dumps([asdict(cell) for cell in track], indent=1)
    path.with_suffix(".json").write_text(track_json, encoding="utf-8")
    return track


def draw(image: Image, rng: np.random.Generator) -> Image:
    """One frame, uint8 BGR (HEIGHT, WIDTH, 3): the cell fills the height, slightly moved and relit."""
    scale = HEIGHT / min(image.shape[:2]) * (1.0 + rng.uniform(0.0, 0.02))
    left, top = (np.array([WIDTH, HEIGHT]) - scale * np.array(image.shape[1::-1])) / 2
    move = rng.uniform(-SHIFT_PX, SHIFT_PX, 2)
    matrix = np.array([[scale, 0.0, left + move[0]], [0.0, scale, top + move[1]]])
    belt = (BELT, BELT, BELT)
    frame = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=belt)
    light = 1.0 + rng.uniform(-LIGHT, LIGHT)
    return np.asarray(cv2.convertScaleAbs(frame, alpha=light), np.uint8)
