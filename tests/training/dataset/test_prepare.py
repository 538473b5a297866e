"""From a folder to its division: groups, things of no class, and what earlier runs have dealt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.models.photographs import draw, write
from tests.training.audit.test_examine import scene, write_scenes
from training.config import TrainConfig
from training.dataset.prepare import divide, survey
from training.dataset.scan import PARTS, Part
from training.dataset.split import Split
from training.errors import DataError
from training.progress import Silent
from training.runs import CONFIG, SPLIT, TRAINING, earlier_parts, new_run


def _divided(config: TrainConfig, runs_dir: Path) -> Split:
    surveyed = survey(config.data, config.other, config.group_by, Silent())
    return divide(surveyed, config.split_rule, earlier_parts(runs_dir, config.data, config.split_rule))


def _ran(runs_dir: Path, name: str, config: TrainConfig, split: Split, created: str = "2026-01-01") -> None:
    with new_run(runs_dir, name) as run:
        run.write_record(CONFIG, config)
        run.write_record(SPLIT, split)
        run.write(TRAINING, f'{{"created": "{created}"}}'.encode())


def _where(split: Split) -> dict[str, Part]:
    return {item.sha256: part for part in PARTS for item in split.part(part)}


def _moved(split: Split) -> Split:
    """The same with train and test exchanged: a division that no rule would come to by itself."""
    return split.model_copy(update={"train": split.test, "test": split.train})


def test_an_earlier_run_decides_where_known_photographs_lie(tmp_path: Path) -> None:
    photos, runs = write_scenes(tmp_path / "photos", 12), tmp_path / "runs"
    config = TrainConfig(data=photos)
    first = _moved(_divided(config, runs))
    _ran(runs, "one", config, first)
    write_scenes(tmp_path / "photos", 9, seed=400, classes=("mug", "plate"))
    write(photos / "mug" / "new.png", scene(4000))
    again = _where(_divided(config, runs))
    old = {content: part for content, part in _where(first).items() if content in again}
    assert len(old) == 6  # nine of twelve were overwritten
    assert all(again[content] == part for content, part in old.items())


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"val_share": 0.2}, {"test_share": 0.1}, {"group_by": r"(\d)\.png"}]
)
def test_another_rule_asks_for_another_split(tmp_path: Path, change: dict[str, object]) -> None:
    photos, runs = write_scenes(tmp_path / "photos", 12), tmp_path / "runs"
    config = TrainConfig(data=photos)
    _ran(runs, "one", config, _moved(_divided(config, runs)))
    other = config.model_copy(update=change)
    assert _divided(other, runs).fingerprint() == _divided(other, tmp_path / "none").fingerprint()


def test_runs_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    photos, runs = write_scenes(tmp_path / "photos", 12), tmp_path / "runs"
    config = TrainConfig(data=photos)
    kept = _moved(_divided(config, runs))
    _ran(runs, "good", config, kept, "2026-01-01")
    for number, spoilt in enumerate((b"", b"[]", b'{"data": 3}', b'{"version": "older"}')):
        _ran(runs, f"config{number}", config, kept, f"2026-02-0{number + 1}")
        (runs / f"config{number}" / CONFIG).write_bytes(spoilt)
    _ran(runs, "split", config, kept, "2026-03-01")
    (runs / "split" / SPLIT).write_text("{}")
    _ran(
        runs, "elsewhere", config.model_copy(update={"data": tmp_path}), _divided(config, runs), "2026-04-01"
    )
    assert _where(_divided(config, runs)) == _where(kept)


def test_near_duplicates_share_a_part(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 30)
    for number in range(30):
        write(photos / "mug" / f"near{number}.jpg", scene(number))
    split = _divided(TrainConfig(data=photos), tmp_path / "runs")
    where = {item.path.stem: part for part in PARTS for item in split.part(part) if item.label == "mug"}
    assert all(where[f"{number:03d}"] == where[f"near{number}"] for number in range(30))
    assert all(split.counts(part)["mug"] >= 2 for part in PARTS)


def test_things_of_no_class_may_lie_anywhere(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 6)
    strange = write(tmp_path / "strange" / "deep" / "a.png", draw("disc", np.random.default_rng(1))).parents[
        1
    ]
    write(strange / "known.png", scene(0))
    config = TrainConfig(data=photos, other=strange)
    surveyed = survey(config.data, config.other, config.group_by, Silent())
    assert [photograph.path.name for photograph in surveyed.found.other] == ["a.png"]
    assert len(surveyed.found.photographs) == 12
    with pytest.raises(DataError, match="no such folder"):
        survey(photos, tmp_path / "nowhere", None, Silent())
    assert replace(surveyed.found, other=()).labels == ("mug", "plate")
