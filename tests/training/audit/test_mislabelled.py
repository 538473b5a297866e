"""Wrong labels: swapped ones are found among real photographs, and small or odd sets do no harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.audit.examine import audit_scan, cluster_numbers, with_suspects
from training.audit.mislabelled import confident_errors, find_suspects
from training.cache import Cache
from training.config import TrainConfig
from training.dataset.prepare import survey
from training.dataset.scan import PARTS
from training.features.extract import photograph_features
from training.network.backbones.weights import PACKAGES, find_package_file
from training.network.frozen_backbone import convert_backbone
from training.progress import Silent

GROCERY = Path(__file__).parents[4] / "shared" / "datasets" / "grocery10"
SWAPPED = 30

Float = NDArray[np.float32]
Int = NDArray[np.int64]


def _clouds(counts: list[int], seed: int = 0) -> tuple[Float, Int]:
    """Points around one centre a class, well apart."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 3, (len(counts), 16))
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    return (centres[labels] + rng.normal(0, 1, (len(labels), 16))).astype(np.float32), labels


def _found(features: Float, labels: Int, groups: Int | None = None) -> list[int]:
    alone = np.arange(len(labels), dtype=np.int64)
    return [suspect.index for suspect in find_suspects(features, labels, alone if groups is None else groups)]


def test_swapped_labels_are_found_and_say_what_they_look_like() -> None:
    features, labels = _clouds([40, 40, 40])
    wrong = labels.copy()
    wrong[[3, 4, 50, 51]] = [2, 2, 0, 0]
    suspects = find_suspects(features, wrong, np.arange(120, dtype=np.int64))
    told = {(suspect.index, suspect.rather) for suspect in suspects}
    assert told <= {(3, 0), (4, 0), (50, 1), (51, 1)}
    assert len(told) >= 3
    assert all(suspect.likelihood < 0.5 < suspect.confidence for suspect in suspects)


def test_right_labels_are_not_suspected() -> None:
    assert _found(*_clouds([30, 30, 30])) == []


@pytest.mark.parametrize("seed", range(5))
def test_confident_learning_is_what_cleanlab_does(seed: int) -> None:
    from cleanlab.filter import find_label_issues

    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, 400)
    labels[:6] = np.arange(6)
    logits = rng.normal(0, 1.5, (400, 6)) + 2 * np.eye(6)[labels]
    likely = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    theirs = find_label_issues(
        labels,
        likely,
        return_indices_ranked_by="self_confidence",
        filter_by="confident_learning",
        n_jobs=1,
    )
    assert len(theirs) > 20
    assert set(confident_errors(likely, labels)) == set(theirs)


def test_small_classes_are_left_alone_and_do_no_harm() -> None:
    features, labels = _clouds([40, 40, 1, 3])
    wrong = labels.copy()
    wrong[5] = 1
    assert _found(features, wrong) == [5]
    assert _found(*_clouds([4, 4])) == []
    assert _found(*_clouds([40, 2])) == []


def test_near_duplicates_do_not_vouch_for_each_other() -> None:
    """Twelve copies of one wrongly labelled picture: only a model that saw none of them can tell."""
    features, labels = _clouds([40, 40])
    copies = np.repeat(features[:1], 12, axis=0)
    features, wrong = np.concatenate((features, copies)), np.concatenate((labels, np.ones(12, np.int64)))
    groups = np.arange(92, dtype=np.int64)
    groups[80:] = 80
    assert set(_found(features, wrong, groups)) >= set(range(80, 92))


def _swapped_grocery(folder: Path, seed: int) -> set[str]:
    """Links to the photographs, some of them in a wrong class folder; the names of those."""
    rng = np.random.default_rng(seed)
    files = sorted(path for part in ("train", "test") for path in (GROCERY / part).rglob("*.jpg"))
    labels = sorted({path.parent.name for path in files})
    wrong = set(rng.choice(len(files), SWAPPED, replace=False).tolist())
    moved = set()
    for number, path in enumerate(files):
        label = path.parent.name
        if number in wrong:
            label = labels[(labels.index(label) + int(rng.integers(1, len(labels)))) % len(labels)]
        link = folder / label / f"{path.parents[1].name}-{path.name}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
        if number in wrong:
            moved.add(link.relative_to(folder).as_posix())
    return moved


@pytest.mark.proof
def test_most_swapped_grocery_labels_are_found(tmp_path: Path) -> None:
    if not GROCERY.is_dir():
        pytest.skip("../shared/datasets/grocery10 is not here")
    if find_package_file(PACKAGES["mobilenet_v2"]) is None:
        pytest.skip(f"{PACKAGES['mobilenet_v2'].name} is not installed")
    moved = _swapped_grocery(tmp_path / "photos", seed=1)
    config = TrainConfig(data=tmp_path / "photos", size=96)
    surveyed = survey(config.data, config.other, config.group_by, Silent())
    cache = Cache(tmp_path / "cache", 10**9, Silent())
    backbone = convert_backbone(config.backbone_choice, cache, Silent())
    features = photograph_features(backbone, surveyed.found.photographs, config.spec, cache, Silent())
    cache.close()
    audit = with_suspects(audit_scan(surveyed, None, config.data, config.size), surveyed, features)
    (found,) = (each for each in audit.findings if each.kind == "suspected_label")
    ranked = [listed.path for listed in found.files]
    assert len(moved & set(ranked)) / SWAPPED >= 0.7
    assert sum(path in moved for path in ranked[:10]) >= 8
    assert found.count <= 3 * SWAPPED
    assert "looks like" in found.files[0].note
    assert audit.labels_checked
    assert len(cluster_numbers(surveyed)) == len(surveyed.found.photographs)
    assert set(audit.summary.counts["kiwi"]) == set(PARTS)
