"""How a machine compares with the boards whose results are kept, and how the stages are draw_plot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edge.commands.bench.chart import bars
from edge.commands.bench.figures import BenchedModel, StageTime, StageTiming
from edge.commands.bench.plot import tick_ms
from edge.commands.bench.reference import Reference, compare, load_references, read_reference

MINE = BenchedModel("mugs", "a" * 64, "mobilenet_v2", "int8", 224, 224)
THEIRS = BenchedModel("apples", "b" * 64, "mobilenet_v2", "int8", 224, 224)
BOARD = Reference("Raspberry Pi 4", "2026-11-23", THEIRS, 1, 26.0)
TURN = StageTiming((StageTime("capture", 2, 4, 8), StageTime("inference", 10, 20, 30)), 80.0, 100, 640, 480)


@pytest.mark.parametrize(
    ("inference_ms", "words"),
    [(20.0, "1.3 times as fast as on"), (26.5, "is as fast as on"), (52.0, "takes 2 times as long as on")],
)
def test_the_same_network_is_compared_whatever_its_weights(inference_ms: float, words: str) -> None:
    found = compare(MINE, inference_ms, [BOARD])
    assert words in found
    assert found.endswith("Raspberry Pi 4 with 1 thread (reference of 2026-11-23)")


@pytest.mark.parametrize(
    "other",
    [{"precision": "float16"}, {"width": 160}, {"backbone": "efficientnet_lite0"}, {"backbone": None}],
)
def test_another_network_is_not_compared(other: dict[str, object]) -> None:
    mine = dataclasses.replace(MINE, **other)  # type: ignore[arg-type]
    found = compare(mine, 20.0, [BOARD])
    assert "no reference results for this model" in found
    assert "mobilenet_v2 224×224 int8" in found


def test_the_same_file_is_compared_even_if_it_says_nothing_of_its_network() -> None:
    foreign = BenchedModel("zoo", "c" * 64, None, None, 224, 224)
    assert "times as fast" in compare(foreign, 10.0, [dataclasses.replace(BOARD, model=foreign)])


def test_every_result_that_is_kept_can_be_read() -> None:
    kept = load_references()
    folder = Path(__file__).parents[4] / "edge/commands/bench/reference"
    assert len(kept) == len(list(folder.glob("*.json"))) > 0
    assert all(each.inference_ms > 0 and each.board and each.date for each in kept)


def test_a_record_without_inference_is_refused() -> None:
    with pytest.raises(ValueError, match="stage_timing"):
        read_reference(b"{}")


def test_bars_are_as_long_as_the_times() -> None:
    _, capture, inference = bars(TURN, "", columns=85, blocks=True)
    assert (capture.count("█"), capture.count("░")) == (4, 4)
    assert (inference.count("█"), inference.count("░")) == (20, 20)


def test_bars_fit_into_a_narrow_terminal_and_into_ascii() -> None:
    lines = list(bars(TURN, "", columns=60, blocks=False))
    assert all(line.isascii() and len(line) <= 60 for line in lines)


def test_the_limit_is_marked_by_colour_only_where_that_is_wanted() -> None:
    assert any("\x1b[" in line for line in bars(TURN, "inference", columns=80, blocks=True))
    assert not any("\x1b[" in line for line in bars(TURN, "", columns=80, blocks=True))


@pytest.mark.parametrize("longest_ms", [0.01, 0.9, 3.0, 12.1, 44.0, 999.0])
def test_an_axis_has_four_to_ten_marks_at_round_numbers(longest_ms: float) -> None:
    step_ms = tick_ms(longest_ms)
    assert 4 <= longest_ms / step_ms <= 10.001
    assert round(step_ms / 10 ** np.floor(np.log10(step_ms) + 1e-9), 6) in (1, 2, 5)
