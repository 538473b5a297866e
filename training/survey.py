"""From a folder to what every later stage asks: which photographs, who resembles whom, who lies where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from training.config import TrainConfig
from training.duplicates import Pairs, clusters, find_pairs
from training.groups import Groups, group
from training.progress import Reporter
from training.runs import earlier_parts
from training.scan import Scan, scan, scan_other
from training.split import Split, split


@dataclass(frozen=True, slots=True)
class Survey:
    """pairs and clusters of near duplicates: indices into found.photographs, see `training.duplicates`."""

    found: Scan
    pairs: Pairs
    clusters: tuple[tuple[int, ...], ...]
    groups: Groups


def survey(config: TrainConfig, reporter: Reporter) -> Survey:
    """Read all photographs of a data set and find what belongs together; raises DataError."""
    found = scan(config.data, reporter)
    if config.other is not None:
        found = _with_other(found, config.other, reporter)
    facts = [photograph.facts for photograph in found.photographs if photograph.facts is not None]
    pairs = find_pairs(facts, reporter)
    alike = tuple(clusters(pairs, len(facts)))
    return Survey(found, pairs, alike, group(found.photographs, alike, config.group_by))


def divide(surveyed: Survey, config: TrainConfig, runs_dir: Path) -> Split:
    """Deal the photographs into parts, old ones as the runs in runs_dir have them; raises DataError."""
    return split(
        surveyed.found,
        seed=config.seed,
        val_share=config.val_share,
        test_share=config.test_share,
        groups=surveyed.groups,
        kept=earlier_parts(runs_dir, config),
    )


def _with_other(found: Scan, folder: Path, reporter: Reporter) -> Scan:
    strangers, findings = scan_other(folder, reporter)
    known = {photograph.sha256 for photograph in (*found.photographs, *found.other)}
    unknown = [stranger for stranger in strangers if stranger.sha256 not in known]
    return replace(found, findings=(*found.findings, *findings), other=(*found.other, *unknown))
