"""From a folder to what every later stage asks: which photographs, who resembles whom, who lies where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from training.dataset.duplicates import Pairs, clusters, find_pairs
from training.dataset.groups import Groups, group
from training.dataset.scan import Part, Scan, scan, scan_other
from training.dataset.split import Split, SplitRule, split
from training.progress import Reporter


@dataclass(frozen=True, slots=True)
class Survey:
    """pairs and clusters of near duplicates: indices into found.photographs, see `duplicates`."""

    found: Scan
    pairs: Pairs
    clusters: tuple[tuple[int, ...], ...]
    groups: Groups


def survey(data: Path, other: Path | None, group_by: str | None, reporter: Reporter) -> Survey:
    """Read all photographs of a data set and find what belongs together; raises DataError.

    other and group_by are settings of a training, see `TrainConfig`.
    """
    found = scan(data, reporter)
    if other is not None:
        found = _with_other(found, other, reporter)
    facts = [photograph.facts for photograph in found.photographs if photograph.facts is not None]
    pairs = find_pairs(facts, reporter)
    alike = tuple(clusters(pairs, len(facts)))
    return Survey(found, pairs, alike, group(found.photographs, alike, group_by))


def divide(surveyed: Survey, rule: SplitRule, kept: Mapping[str, Part]) -> Split:
    """Assign the photographs to parts; those in `kept` (by sha256) stay in theirs. Raises DataError."""
    return split(
        surveyed.found,
        seed=rule.seed,
        val_share=rule.val_share,
        test_share=rule.test_share,
        groups=surveyed.groups,
        kept=kept,
    )


def _with_other(found: Scan, folder: Path, reporter: Reporter) -> Scan:
    strangers, findings = scan_other(folder, reporter)
    known = {photograph.sha256 for photograph in (*found.photographs, *found.other)}
    unknown = [stranger for stranger in strangers if stranger.sha256 not in known]
    return replace(found, findings=(*found.findings, *findings), other=(*found.other, *unknown))
