"""Judging scores: what the evaluation counts, what it keeps, and what it says of older files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.models.photographs import write
from tests.training.conftest import Trained
from training.dataset.split import Split
from training.errors import RunError
from training.evaluation.evaluate import evaluate
from training.evaluation.record import EvaluationRecord, judge, read_evaluation
from training.evaluation.thresholds import Thresholds
from training.evaluation.unknown import PartScores, UnknownRule
from training.progress import Silent
from training.runs import CONFIG, EVALUATION, FEATURES, SCORES, SPLIT, TRAINING, Run

SCORES_OF_FOUR = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.55, 0.45]], np.float32)


def test_all_is_counted() -> None:
    part = PartScores(SCORES_OF_FOUR, np.ones(4, np.float32))
    rule = UnknownRule(Thresholds(0.7, {}), 0.5)
    result = judge(part, np.array([0, 0, 1, 1]), rule, SCORES_OF_FOUR, ("a", "b"))
    assert (result.accuracy, result.count) == (0.5, 4)
    assert result.accuracy_interval == pytest.approx((0.150, 0.850), abs=1e-3)
    assert (result.answered, result.accuracy_answered) == (0.5, 1.0)
    assert result.accuracy_answered_interval == pytest.approx((0.342, 1.0), abs=1e-3)
    assert result.confusion == ((1, 1), (1, 1))
    assert [(c.label, c.count, c.precision, c.recall, c.f1) for c in result.classes] == [
        ("a", 2, 0.5, 0.5, 0.5),
        ("b", 2, 0.5, 0.5, 0.5),
    ]
    assert result.macro_f1 == 0.5
    assert sum(entry.count for entry in result.bins) == 4


def test_the_unfamiliar_is_not_answered() -> None:
    part = PartScores(SCORES_OF_FOUR, np.array([0.9, 0.9, 0.4, 0.9], np.float32))
    result = judge(
        part, np.array([0, 0, 1, 1]), UnknownRule(Thresholds(0.5, {}), 0.5), SCORES_OF_FOUR, ("a", "b")
    )
    assert result.answered == 0.75
    assert result.accuracy == 0.5


def test_a_part_with_no_answer_and_a_label_never_said_divide_by_nothing() -> None:
    part = PartScores(np.tile(SCORES_OF_FOUR[:1], (3, 1)), np.zeros(3, np.float32))
    result = judge(
        part, np.zeros(3, np.int64), UnknownRule(Thresholds(0.5, {}), 0.5), part.scores, ("a", "b")
    )
    assert (result.answered, result.accuracy_answered) == (0.0, 0.0)
    assert result.accuracy_answered_interval == (0.0, 1.0)
    assert (result.classes[1].count, result.classes[1].precision, result.classes[1].f1) == (0, 0.0, 0.0)


@pytest.mark.slow
def test_an_evaluation_holds_what_the_report_needs(trained: Trained) -> None:
    found = read_evaluation(trained.run)
    split = trained.run.read_record(SPLIT, Split)
    assert [c.label for c in found.test.classes] == list(split.labels)
    assert (found.val.count, found.test.count) == (len(split.val), len(split.test))
    assert found.test.accuracy_interval[0] < found.test.accuracy <= found.test.accuracy_interval[1]
    assert 0.25 <= found.temperature <= 4.0
    assert -1.0 < found.familiarity_threshold < found.familiarity_typical <= 1.0
    assert found.ood is None
    assert found.left_out is not None
    assert found.left_out.count == 120
    with np.load(trained.run.path(SCORES)) as stored:
        assert stored["test"].shape == (len(split.test), 3)
        assert stored["test_familiarity"].shape == (len(split.test),)
        right = stored["test"].argmax(axis=1) == split.targets("test")
    assert right.mean() == found.test.accuracy


@pytest.mark.slow
def test_other_things_are_measured_where_they_are_given(trained: Trained, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for number in range(12):
        noise = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
        write(tmp_path / "other" / f"{number}.png", noise)
    run = _copy(trained.run, tmp_path / "copy")
    config = json.loads(run.read(CONFIG)) | {"other": str(tmp_path / "other")}
    run.write(CONFIG, json.dumps(config).encode())
    found = evaluate(run, Silent()).record.ood
    assert found is not None
    assert found.count == 12
    assert found.familiarity.auroc > 0.95, "noise is like nothing that was trained on"
    assert found.familiarity.auroc_interval[0] <= found.familiarity.auroc
    assert found.accepted < found.kept - 0.3, "noise is what a camera's compression would take away"
    shutil.rmtree(tmp_path / "other")
    assert evaluate(run, Silent()).record.ood is None


@pytest.mark.slow
def test_a_wanted_precision_is_remembered(trained: Trained, tmp_path: Path) -> None:
    run = _copy(trained.run, tmp_path / "copy")
    assert evaluate(run, Silent()).record.target_precision == 0.95
    evaluate(run, Silent(), target_precision=0.8)
    assert evaluate(run, Silent()).record.target_precision == 0.8


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"threshold": 0.5, "val": {}, "test": {}}', "is of version 1, this program reads version 2"),
        ('{"schema": 3}', "is of version 3"),
        ('{"schema": 2}', "evaluation.json: threshold"),
        ("[]", "evaluation.json"),
        ("{", "evaluation.json"),
    ],
)
def test_an_evaluation_of_another_version_is_said(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / EVALUATION).write_text(content)
    with pytest.raises(RunError, match=why):
        read_evaluation(Run(tmp_path, "old"))


@pytest.mark.slow
def test_an_evaluation_survives_json(trained: Trained) -> None:
    found = read_evaluation(trained.run)
    assert EvaluationRecord.model_validate_json(found.model_dump_json(by_alias=True)) == found


def _copy(run: Run, folder: Path) -> Run:
    folder.mkdir()
    for file in (CONFIG, SPLIT, FEATURES, TRAINING, "weights.npz", "head.npz"):
        (folder / file).write_bytes(run.read(file))
    return Run(folder, folder.name)
