"""The page on made-up records: hostile names, many classes, nothing to show."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.training.report.test_report import checked
from training.audit.record import Audit, Summary, make_finding
from training.config import TrainConfig
from training.dataset.split import Item, Split
from training.evaluation.record import EvaluationRecord, judge
from training.evaluation.thresholds import Thresholds
from training.evaluation.unknown import PartScores, UnknownRule
from training.features.familiarity import NO_LIMIT
from training.fit.trained_network import TrainingRecord
from training.head.softmax_head import Curves, Head
from training.head.temperature import Bin
from training.report.conclusions import conclude
from training.report.occlusion import by_label
from training.report.page import report_page
from training.report.pictures import Mistake, PictureResults
from training.report.plots import loss_plot, reliability_plot, tradeoff
from training.report.read import RunRecords
from training.runs import Run
from training.trained_run import TrainedRun

HOSTILE = (
    '<script>alert("1")</script>',
    "Möbel & 'Türen' 日本",
    '"><img src=x onerror=alert(1)>',
    "$x^2$ {{ 7 }}",
)
RULE = UnknownRule(Thresholds(0.5, {}), NO_LIMIT)


def _split(labels: tuple[str, ...], each: int) -> Split:
    items = [
        Item(
            path=Path(f"/photos/{number}.jpg"),
            label=label,
            sha256=hashlib.sha256(f"{number}".encode()).hexdigest(),
        )
        for number, label in enumerate(labels * each)
    ]
    return Split(labels=labels, train=tuple(items), val=tuple(items), test=tuple(items))


def _trained(labels: tuple[str, ...], each: int, curves: Curves) -> TrainedRun:
    record = TrainingRecord.model_validate(
        {
            "schema": 2,
            "created": "2026-11-21T10:00:00.000+00:00",
            "weights_source": "<b>none</b>",
            "head_epoch": len(curves.val_loss),
            "head_curves": curves,
            "val_accuracy": 0.9,
            "fine_tuned": False,
            "fine_tune_curves": Curves(),
            "interrupted": True,
            "seconds": {"scan": 1.0},
        }
    )
    zeros = np.zeros((4, len(labels)), np.float32)
    head = Head(zeros, zeros[0], zeros.T)
    return TrainedRun(
        Run(Path("/runs/x"), "x"),
        TrainConfig(data=Path("/photos")),
        _split(labels, each),
        record,
        None,
        head,
        None,
    )


def _records(trained: TrainedRun, scores: np.ndarray, audit: Audit | None = None) -> RunRecords:
    part = PartScores(scores.astype(np.float32), np.ones(len(scores), np.float32))
    result = judge(part, np.array(trained.split.targets("test")), RULE, part.scores, trained.split.labels)
    evaluation = EvaluationRecord(
        threshold=0.5,
        class_thresholds={trained.split.labels[0]: 0.8},
        target_precision=0.95,
        temperature=1.2,
        familiarity_threshold=NO_LIMIT,
        familiarity_typical=0.9,
        least_length=1.0,
        val=result,
        test=result,
        ood=None,
        left_out=None,
    )
    return RunRecords(evaluation, part, part, None, audit, "audit.html" if audit else None)


def _page(labels: tuple[str, ...], each: int, pictures: PictureResults, audit: Audit | None = None) -> str:
    curves = Curves([1.0, 0.5], [0.5, 0.9], [1.0, 0.6], [0.5, 0.9])
    trained = _trained(labels, each, curves)
    scores = np.random.default_rng(0).dirichlet(np.ones(len(labels)), len(trained.split.test))
    records = _records(trained, scores, audit)
    return report_page(
        trained, records, pictures, conclude(trained, records, pictures.occlusion, "", 0.9), 0.9
    )


def test_names_that_are_markup_stay_text() -> None:
    mistake = Mistake(HOSTILE[0] + ".jpg", HOSTILE[0], HOSTILE[2], 0.9, None)
    audit = Audit(
        data="/photos",
        summary=Summary(photographs=4, counts={}),
        findings=(make_finding("suspected_label", "warning", f"{HOSTILE[0]} looks wrong"),),
    )
    page = _page(HOSTILE, 3, PictureResults((mistake,), (), explained=False), audit)
    found = checked(page)
    assert found.tags.isdisjoint({"script", "b", "img"})
    assert found.addresses == ["audit.html"]
    assert not any(name.startswith("on") for name in found.attributes)
    assert "&lt;script&gt;" in page
    assert "Möbel &amp; &#39;Türen&#39; 日本" in page
    assert "$x^2$ {{ 7 }}" in page
    assert "the file is gone" in page


def test_many_classes_fold_the_table_and_very_many_drop_it() -> None:
    nothing = PictureResults((), (), explained=True)
    thirty = _page(tuple(f"class {number}" for number in range(30)), 2, nothing)
    assert "<details><summary>All counts" in thirty
    assert 'class="confusion"' in thirty
    hundred = _page(tuple(f"class {number}" for number in range(100)), 2, nothing)
    assert "Too many classes for a table" in hundred
    assert len(hundred) < 400_000
    for page in (thirty, hundred):
        checked(page)
        assert "rarer pairs" in page


def test_an_interrupted_training_and_an_unmeasured_unknown_are_said() -> None:
    page = _page(("a", "b"), 10, PictureResults((), by_label([]), explained=False))
    assert "Training was ended early" in page
    assert "Not measured: give photographs of other things" in page
    assert "were not audited" in page


def test_plots_are_the_same_each_time_and_take_the_pages_colour() -> None:
    curves = Curves([1.0, 0.5, 0.4], [0.5, 0.9, 0.9], [1.0, 0.6, 0.7], [0.5, 0.9, 0.9])
    plot = loss_plot(curves, 2)
    assert plot == loss_plot(curves, 2)
    assert plot.startswith("<svg")
    assert "currentColor" in plot
    assert "#010203" not in plot
    assert "<metadata" not in plot
    assert "<style" not in plot
    assert "epoch</text>" in plot
    assert reliability_plot([Bin(0.9, 0.8, 20)]).startswith("<svg")


def test_the_trade_off_has_one_point_a_threshold() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.4, 0.6]], np.float32)
    curve = tradeoff(scores, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(curve, [[1, 0.75], [0.75, 2 / 3], [0.25, 1]])


@pytest.mark.parametrize("kept", [None, 1])
def test_a_single_epoch_can_be_drawn(kept: int | None) -> None:
    assert loss_plot(Curves([1.0], [0.5], [1.0], [0.5]), kept).startswith("<svg")
