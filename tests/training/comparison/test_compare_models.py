"""Several models side by side: the same photographs, honest costs, and none that stops the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.comparison.compare_models import (
    BASELINE,
    PLOT,
    TABLE,
    ModelRow,
    ModelTable,
    compare_models,
    pareto,
)
from training.config import TrainConfig
from training.progress import Silent
from training.runs import LATEST


def _row(name: str, accuracy: float, latency_ms: float) -> ModelRow:
    return ModelRow(
        name=name,
        size_px=64,
        accuracy=accuracy,
        accuracy_interval=(0.0, 1.0),
        macro_f1=accuracy,
        float_accuracy=None,
        size_bytes=1,
        latency_ms=latency_ms,
        train_seconds=1.0,
    )


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([("a", 0.9, 5.0), ("b", 0.8, 2.0)], {"a", "b"}),
        ([("a", 0.9, 5.0), ("b", 0.8, 6.0)], {"a"}),
        ([("a", 0.9, 5.0), ("b", 0.9, 6.0)], {"a"}),
        ([("a", 0.9, 5.0), ("b", 0.9, 5.0)], {"a", "b"}),
        ([], set()),
    ],
)
def test_the_front_holds_what_nothing_beats(rows: list[tuple[str, float, float]], best: set[str]) -> None:
    assert pareto([_row(*row) for row in rows]) == best


@pytest.mark.slow
def test_models_are_measured_on_the_same_photographs_and_a_failure_is_listed(
    photographs: Path, tmp_path: Path
) -> None:
    base = TrainConfig(data=photographs, size=64, augmented_views=0, head={"epochs": 20})  # type: ignore[arg-type]
    names = (BASELINE, "efficientnet_lite0", "mobilenet_v3_small")  # nobody packages the last one's weights
    table = compare_models(base, names, tmp_path / "models", tmp_path, Silent())
    by_name = {row.name: row for row in table.rows}
    assert set(by_name) == {BASELINE, "efficientnet_lite0"}
    assert list(table.failed) == ["mobilenet_v3_small"]
    assert by_name["efficientnet_lite0"].accuracy > 0.8
    assert all(row.latency_ms > 0 and row.size_bytes > 1000 for row in table.rows)
    assert ModelTable.model_validate_json((tmp_path / "models" / TABLE).read_bytes()) == table
    assert "<svg" in (tmp_path / "models" / PLOT).read_text()
    assert not (tmp_path / LATEST).exists(), "the shipped model is still the one that was"
