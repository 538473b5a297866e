"""Which setting wins: the simplest, unless another is clearly faster."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.commands.bench.tune import Measurement, Setting, changes, choose, remark


def tried(threads: int, gain: float, cpu_ms: float = 10.0, runtime: str = "auto") -> Measurement:
    return Measurement(Setting(runtime, threads, "litert 2"), 10 / gain, cpu_ms, gain, gain - 0.1, gain + 0.1)


@pytest.mark.parametrize(
    ("gains", "threads"),
    [
        ([1.0], 1),
        ([1.0, 1.04], 1),
        ([1.0, 1.5], 2),
        ([1.0, 0.9, 0.8], 1),
        ([1.0, 1.5, 1.55, 1.56], 2),
        ([1.0, 1.04, 1.07], 3),
        ([1.0, 1.2, 1.8, 1.5], 3),
    ],
)
def test_a_setting_wins_only_by_more_than_the_margin(gains: list[float], threads: int) -> None:
    candidates = [tried(number, gain) for number, gain in enumerate(gains, 1)]
    assert choose(candidates).setting.threads == threads


def test_what_a_gain_costs_is_said_where_it_costs_much() -> None:
    default = tried(1, 1.0)
    assert "1.9 times the processor's time" in remark(default, tried(2, 1.1, cpu_ms=19))
    assert remark(default, tried(2, 1.9, cpu_ms=11)) == ""
    assert remark(default, default) == ""


@pytest.mark.parametrize(
    ("text", "best", "runtime", "expected"),
    [
        ("", ("auto", 1), None, {}),
        ("", ("auto", 2), None, {"threads": 2}),
        ("threads = 2", ("auto", 2), None, {}),
        ("threads = 2", ("auto", 1), None, {"threads": 1}),
        ("", ("tflite-runtime", 2), None, {"threads": 2, "runtime": "tflite-runtime"}),
        ('runtime = "litert"', ("litert", 1), None, {}),
        ("", ("litert", 2), "litert", {"threads": 2}),
    ],
)
def test_only_what_the_file_does_not_say_is_changed(
    tmp_path: Path, text: str, best: tuple[str, int], runtime: str | None, expected: dict[str, object]
) -> None:
    (tmp_path / "agent.toml").write_text(text)
    assert changes(Setting(*best, "litert 2"), tmp_path / "agent.toml", runtime) == expected
    if not text:
        assert changes(Setting(*best, "litert 2"), None, runtime) == expected
