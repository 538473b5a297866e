"""All findings about a folder put together: without a model first, then with features of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.audit.copies import alike_findings, left_out_finding, skipped_findings, two_labels_finding
from training.audit.mislabelled import Suspect, find_suspects
from training.audit.quality import count_findings, measured, mixture_findings, picture_findings
from training.audit.record import Audit, AuditFinding, Listed, Summary, make_finding, sort_findings
from training.dataset.prepare import Survey
from training.dataset.scan import PARTS, Part, Photograph
from training.dataset.split import Split

# The rarer shapes tell nothing more.
MAX_SHAPES = 10


def audit_scan(surveyed: Survey, divided: Split | None, data: Path, size_px: int) -> Audit:
    """What is wrong with the photographs, without looking for wrong labels.

    divided: None where they could not be split. size_px: the network's input.
    """
    part_of = _parts(divided)
    counts = _counts(surveyed, part_of)
    findings = sort_findings(_findings(surveyed, divided, part_of, counts, size_px))
    photographs = surveyed.found.photographs
    pictures = measured(photographs)
    shapes = Counter(f"{facts.width_px}×{facts.height_px}" for _, facts in pictures)
    summary = Summary(
        photographs=len(photographs),
        counts=counts,
        other=len(surveyed.found.other),
        left_out=len(surveyed.found.findings) + (len(divided.left_out) if divided else 0),
        shapes=dict(shapes.most_common(MAX_SHAPES)),
        channels={str(channels): n for channels, n in Counter(f.channels for _, f in pictures).items()},
    )
    return Audit(data=str(data), summary=summary, findings=findings)


def add_trouble(audit: Audit, message: str) -> Audit:
    """The audit with the reason for which the photographs can't be split."""
    trouble = make_finding("few_photographs", "error", message)
    return audit.model_copy(update={"findings": sort_findings((*audit.findings, trouble))})


def with_suspects(audit: Audit, surveyed: Survey, features: NDArray[np.float32]) -> Audit:
    """The audit with suspected wrong labels; features (n, channels) of the survey's photographs, in order."""
    found = surveyed.found
    numbers = {label: number for number, label in enumerate(found.labels)}
    labels = np.array([numbers[photograph.label] for photograph in found.photographs], np.int64)
    suspects = find_suspects(features, labels, cluster_numbers(surveyed))
    extra = [_suspects_finding(suspects, found.photographs, found.labels)] if suspects else []
    findings = sort_findings((*audit.findings, *extra))
    return audit.model_copy(update={"findings": findings, "labels_checked": True})


def cluster_numbers(surveyed: Survey) -> NDArray[np.int64]:
    """A number a photograph, equal within a cluster of near duplicates: int64 (n,)."""
    numbers = np.arange(len(surveyed.found.photographs), dtype=np.int64)
    for cluster in surveyed.clusters:
        numbers[list(cluster)] = cluster[0]
    return numbers


def _findings(
    surveyed: Survey,
    divided: Split | None,
    part_of: dict[str, Part],
    counts: dict[str, dict[str, int]],
    size_px: int,
) -> Iterator[AuditFinding]:
    found = surveyed.found
    pictures = measured(found.photographs)
    names = {photograph.sha256: photograph.name for photograph in found.photographs}
    yield from skipped_findings(found.findings)
    yield from left_out_finding(divided.left_out if divided else (), names)
    yield from alike_findings(found.photographs, surveyed.clusters, part_of)
    yield from two_labels_finding(found.photographs, surveyed.pairs)
    yield from count_findings(counts)
    yield from picture_findings(pictures, size_px)
    if pictures:
        yield from mixture_findings(pictures)


def _suspects_finding(
    suspects: list[Suspect], photographs: tuple[Photograph, ...], labels: tuple[str, ...]
) -> AuditFinding:
    files = [
        Listed(
            path=photographs[suspect.index].name,
            note=f"labelled {photographs[suspect.index].label} ({suspect.likelihood:.0%} likely), "
            f"looks like {labels[suspect.rather]} ({suspect.confidence:.0%})",
        )
        for suspect in suspects
    ]
    plural = "s" * (len(files) != 1)
    message = (
        f"{len(files)} photograph{plural} with a label that looks wrong; check the most suspicious first"
    )
    return make_finding("suspected_label", "warning", message, files)


def _parts(divided: Split | None) -> dict[str, Part]:
    return {item.sha256: part for part in PARTS for item in divided.part(part)} if divided else {}


def _counts(surveyed: Survey, part_of: dict[str, Part]) -> dict[str, dict[str, int]]:
    """Photographs by label and part; where nothing is divided, train is all that the user has put nowhere."""
    counts = {label: dict.fromkeys(map(str, PARTS), 0) for label in surveyed.found.labels}
    for photograph in surveyed.found.photographs:
        part = part_of.get(photograph.sha256) if part_of else photograph.part or "train"
        if part is not None:
            counts[photograph.label][part] += 1
    return counts
