"""The demonstration's judge, its label track, and the recording it renders."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.models.photographs import draw, write
from training.dataset.split import Item
from training.demo.conveyor import HEIGHT, WIDTH, Cell, choose_cells, plan, render
from training.demo.elpv import read_labels
from training.demo.judging import Received, Tally, judge_cell, tally
from training.demo.run import result_line
from training.errors import DemoError
from training.progress import Silent

CELL = Cell(1, 13, 25, "ok", "cell.png")


def _changes(*pairs: tuple[int, str | None]) -> list[Received]:
    return [Received(frame, label, 0.9) for frame, label in pairs]


def test_a_cell_is_judged_by_the_last_change_up_to_its_end() -> None:
    assert judge_cell(CELL, _changes((3, "defective"), (15, "ok"))) == "right"
    assert judge_cell(CELL, _changes((15, "ok"), (24, "defective"))) == "wrong"
    assert judge_cell(CELL, _changes((15, "ok"), (25, None))) == "unknown"


def test_changes_after_the_cell_do_not_count() -> None:
    assert judge_cell(CELL, _changes((15, "ok"), (26, "defective"))) == "right"


def test_a_label_that_did_not_change_still_holds() -> None:
    assert judge_cell(CELL, _changes((2, "ok"))) == "right"


def test_nothing_received_is_unknown() -> None:
    assert judge_cell(CELL, []) == "unknown"


def test_the_verdicts_are_counted() -> None:
    track = [CELL, Cell(2, 26, 38, "defective", "b.png"), Cell(3, 39, 51, "ok", "c.png")]
    counts = tally(track, _changes((14, "ok"), (30, "ok"), (40, None)))
    assert counts == Tally(right=1, wrong=1, unknown=1)


@pytest.mark.parametrize(
    ("right", "wrong", "unknown", "passed"),
    [(38, 3, 5, True), (32, 8, 6, True), (30, 10, 6, False), (25, 5, 16, False), (0, 0, 46, False)],
)
def test_the_demo_passes_where_answers_are_mostly_right_and_many(
    right: int, wrong: int, unknown: int, passed: bool
) -> None:
    assert Tally(right, wrong, unknown).passed is passed


def test_the_last_line_reads_as_promised() -> None:
    line = result_line(Tally(38, 3, 5), 600, 70.2)
    assert line == "demo: 600 frames, 46 cells: 38 right, 3 wrong, 5 unknown, 70 frames/s"


def _items(tmp_path: Path, count: int) -> list[Item]:
    rng = np.random.default_rng(4)
    kinds = ("disc", "plain")
    paths = [write(tmp_path / f"{n}.png", draw(kinds[n % 2], rng)) for n in range(count)]
    return [Item(path=path, label=kinds[n % 2], sha256="") for n, path in enumerate(paths)]


def test_cells_are_drawn_at_random_and_the_same_for_a_seed(tmp_path: Path) -> None:
    items = _items(tmp_path, 12)
    chosen = choose_cells(items, 6, seed=1)
    assert len({item.path for item in chosen}) == 6
    assert chosen == choose_cells(items, 6, seed=1) != choose_cells(items, 6, seed=2)
    with pytest.raises(DemoError, match="12 photographs, 13 wanted"):
        choose_cells(items, 13, seed=1)


def test_the_track_covers_every_frame_once(tmp_path: Path) -> None:
    track = plan(_items(tmp_path, 46), 600)
    frames = [frame for cell in track for frame in range(cell.first_frame, cell.last_frame + 1)]
    assert frames == list(range(600))


def test_the_recording_is_a_video_of_that_many_frames(tmp_path: Path) -> None:
    video = tmp_path / "line.avi"
    track = render(video, _items(tmp_path, 3), 40, 1, Silent())
    capture = cv2.VideoCapture(str(video))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    capture.release()
    assert len(frames) == 40
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert json.loads(video.with_suffix(".json").read_text())[-1]["last_frame"] == track[-1].last_frame == 39


def test_labels_of_the_cells_are_read(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("images/cell0001.png  1.0   mono\nimages/cell0002.png  0.3333333333333333   poly\n\n")
    assert read_labels(table) == [("images/cell0001.png", 1.0), ("images/cell0002.png", pytest.approx(1 / 3))]
    table.write_text("images/cell0001.png\n")
    with pytest.raises(DemoError, match="install elpv-dataset again"):
        read_labels(table)
