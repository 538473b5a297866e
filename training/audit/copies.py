"""Findings about files that can't be used, and about the same picture being there more than once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from training.audit.record import AuditFinding, Kind, Listed, Severity, make_finding
from training.dataset.duplicates import Pairs
from training.dataset.scan import Finding, Part, Photograph, Skipped
from training.dataset.split import Item

# From this likeness on, two labels for one picture are worth a warning.
SAME_PICTURE = 0.99
SKIPPED: dict[Skipped, tuple[Severity, str]] = {
    "unreadable": ("warning", "unreadable as a picture; replace or delete them"),
    "empty_file": ("warning", "with nothing inside; replace or delete them"),
    "exact_duplicate": ("note", "equal to another and left out; delete them"),
    "across_parts": ("warning", "equal to one in a held-out part and left out of train; delete them"),
    "across_classes": ("error", "in two classes, so counted for neither; decide which class is right"),
}


def skipped_findings(skipped: Sequence[Finding]) -> Iterator[AuditFinding]:
    """What the scan left out, by reason."""
    for kind, (severity, message) in SKIPPED.items():
        files = [Listed(path=f.name or f.path.name, note=f.why) for f in skipped if f.kind == kind]
        if files:
            yield make_finding(kind, severity, f"{_files(len(files))} {message}", files)


def left_out_finding(left_out: Sequence[Item], names: Mapping[str, str]) -> Iterator[AuditFinding]:
    """New photographs that belong to groups in different parts; names by sha256."""
    if left_out:
        files = [Listed(path=names[item.sha256]) for item in left_out]
        message = (
            f"{_files(len(files))} belonging to photographs in several parts of an earlier split, so left out"
        )
        yield make_finding("across_parts", "warning", message, files)


def alike_findings(
    photographs: Sequence[Photograph],
    clusters: Sequence[Sequence[int]],
    part_of: Mapping[str, Part],
) -> Iterator[AuditFinding]:
    """Near duplicates, apart by whether a cluster lies in one part; clusters hold indices, part_of sha256."""
    spread_out: list[list[Photograph]] = []
    together: list[list[Photograph]] = []
    for cluster in clusters:
        members = [photographs[index] for index in cluster]
        parts = {part_of[member.sha256] for member in members if member.sha256 in part_of}
        (spread_out if len(parts) > 1 else together).append(members)
    if spread_out:
        users = any(member.part for members in spread_out for member in members)
        yield _alike("across_parts", "error" if users else "warning", spread_out, part_of)
    if together:
        yield _alike("near_duplicate", "note", together, part_of)


def _alike(
    kind: Kind, severity: Severity, sets: list[list[Photograph]], part_of: Mapping[str, Part]
) -> AuditFinding:
    files = [
        Listed(path=member.name, note=part_of.get(member.sha256, ""), group=number)
        for number, members in enumerate(sorted(sets, key=len, reverse=True))
        for member in members
    ]
    what = f"{_files(len(files))} in {len(sets)} set{'s' * (len(sets) != 1)} of near duplicates"
    messages = {
        "error": "that lie in several of your parts, so the test looks too good; put each set into one part",
        "warning": "that lie in several parts, so the test looks too good; add photographs that differ more",
        "note": "(each set kept in one part); they teach less than as many different ones",
    }
    return make_finding(kind, severity, f"{what} {messages[severity]}", files)


def two_labels_finding(photographs: Sequence[Photograph], pairs: Pairs) -> Iterator[AuditFinding]:
    """Practically the same picture under two labels."""
    order = (-pairs.likeness).argsort(kind="stable")
    found = [
        (photographs[int(pairs.first[n])], photographs[int(pairs.second[n])], float(pairs.likeness[n]))
        for n in order
        if pairs.likeness[n] >= SAME_PICTURE
    ]
    files = [
        Listed(path=member.name, note=f"labelled {member.label}, likeness {likeness:.3f}", group=number)
        for number, (one, other, likeness) in enumerate(p for p in found if p[0].label != p[1].label)
        for member in (one, other)
    ]
    if files:
        count = len(files) // 2
        message = f"{count} pair{'s' * (count != 1)} of near duplicates with different labels; check them"
        yield make_finding("across_classes", "warning", message, files)


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"
