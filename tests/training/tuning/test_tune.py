"""The search: never worse than what it began with, bounded, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import optuna
import pytest

from tests.support.models.photographs import write_photographs
from training.config import TrainConfig, gathered, make_config
from training.dataset.split import Item, Split
from training.errors import RunError
from training.progress import Silent
from training.tuning.objective import folds
from training.tuning.space import Space, as_toml, defaults, drawn
from training.tuning.tune import TRIALS, Tuned, TuneOptions, tune

SPACE = Space((("efficientnet_lite0", 64), ("efficientnet_lite0", 96)))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    data = write_photographs(tmp_path_factory.mktemp("data") / "few", 10)
    return TrainConfig(data=data, backbone="efficientnet_lite0", size=64)


def _tune(base: TrainConfig, tmp_path: Path, space: Space = SPACE, **options: object) -> Tuned:
    return tune(base, space, TuneOptions(**options), tmp_path / "tune-x", tmp_path, Silent())  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_search_finds_settings_that_train_takes_and_goes_on(base: TrainConfig, tmp_path: Path) -> None:
    found = _tune(base, tmp_path, trials=3)
    assert found.loss <= found.first_loss
    again = _tune(base, tmp_path, trials=2)
    assert again.trials + again.pruned == 5
    assert again.loss <= found.loss
    trials = json.loads((tmp_path / "tune-x" / TRIALS).read_text())
    assert [trial["number"] for trial in trials] == [0, 1, 2, 3, 4]
    assert trials[0]["settings"] == defaults(base, SPACE)
    read = make_config(gathered(again.file, [], {"data": str(base.data)}))
    assert (read.backbone, read.size, read.head) == (
        again.config.backbone,
        again.config.size,
        again.config.head,
    )
    other = base.model_copy(update={"data": write_photographs(tmp_path / "other", 10, seed=3)})
    with pytest.raises(RunError, match="other photographs"):
        _tune(other, tmp_path, trials=1)


@pytest.mark.slow
def test_networks_over_the_latency_budget_are_not_tried(base: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="higher latency"):
        _tune(base, tmp_path, Space((("efficientnet_lite0", 64),)), trials=2, max_latency_ms=1e-6)
    trials = json.loads((tmp_path / "tune-x" / TRIALS).read_text())
    assert {trial["state"] for trial in trials} == {"pruned"}
    assert all(trial["latency_ms"] > 0 for trial in trials)


def test_the_first_trial_is_the_settings_as_they_are(base: TrainConfig) -> None:
    trial = optuna.trial.FixedTrial(defaults(base, SPACE))
    assert drawn(trial, SPACE, base) == base


def test_best_settings_survive_the_file(base: TrainConfig, tmp_path: Path) -> None:
    draws = {
        **defaults(base, SPACE),
        "network": "efficientnet_lite0@96",
        "augmentation": "wide",
        "mixup": 0.5,
    }
    config = drawn(optuna.trial.FixedTrial(draws), SPACE, base)
    file = tmp_path / "best.toml"
    file.write_text(as_toml(config))
    assert make_config(gathered(file, [], {"data": str(base.data)})) == config


def test_folds_keep_groups_whole_and_judge_everything_once() -> None:
    items = tuple(
        Item(
            path=Path(f"{label}{number}.png"),
            label=label,
            sha256=f"{label}{number}",
            group=f"{label}{number // 3}",
        )
        for label in "ab"
        for number in range(24)
    )
    split = Split(labels=("a", "b"), train=items[4:], val=items[:4], test=())
    found = folds(split, seed=1)
    ordered = (*split.train, *split.val)
    assert sorted(np.concatenate([fold.judged for fold in found])) == list(range(48))
    for fold in found:
        groups = {ordered[row].group for row in fold.judged}
        assert not groups & {ordered[row].group for row in fold.fitted}
