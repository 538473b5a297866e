"""audit.html: the findings with their pictures, in one file that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from training.audit.record import Audit, AuditFinding, Listed
from training.dataset.scan import PARTS
from training.dataset.thumbnails import thumbnail_uri

TEMPLATE = Path(__file__).with_name("page.html")
# A person recognises the thing at this size.
SIDE_PX = 180
# The page carries its pictures in itself: so many keep it at a few megabytes.
MAX_PICTURES, MAX_OF_A_FINDING, MAX_OF_A_SET = 240, 24, 6
TITLES = {
    "unreadable": "Unreadable files",
    "empty_file": "Empty files",
    "exact_duplicate": "Copies",
    "near_duplicate": "Near duplicates",
    "across_parts": "Across train, val and test",
    "across_classes": "In two classes",
    "imbalance": "Uneven classes",
    "tiny": "Tiny",
    "dark": "Very dark",
    "bright": "Very bright",
    "blurred": "Blurred",
    "mixed_sizes": "Mixed shapes and sizes",
    "mixed_channels": "Mixed colour and grey",
    "suspected_label": "Suspected wrong labels",
    "few_photographs": "Few photographs",
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """One file on the page; picture is a data URI, None where there is none to show."""

    path: str
    note: str
    picture: str | None


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    severity: str
    message: str
    sets: tuple[tuple[_Shown, ...], ...]
    hidden: int


def audit_page(audit: Audit) -> str:
    """The page as HTML; reads the pictures below audit.data, at most 240 of them."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    room, sections = MAX_PICTURES, []
    for finding in audit.findings:
        section = _section(finding, Path(audit.data), min(room, MAX_OF_A_FINDING))
        room -= sum(map(len, section.sets))
        sections.append(section)
    return template.render(
        name=Path(audit.data).resolve().name,
        audit=audit,
        sections=sections,
        parts=PARTS,
        severities={severity: audit.count(severity) for severity in ("error", "warning", "note")},
    )


def _section(finding: AuditFinding, root: Path, room: int) -> _Section:
    chosen = _chosen(finding.files, room)
    shown = tuple(tuple(_shown(listed, root) for listed in some) for some in chosen)
    hidden = finding.count - sum(map(len, shown))
    return _Section(TITLES[finding.kind], finding.severity, finding.message, shown, hidden)


def _chosen(files: Sequence[Listed], room: int) -> list[list[Listed]]:
    """As many files as there is room for, in sets of those that belong together."""
    sets = [
        list(members)[:MAX_OF_A_SET] if number is not None else list(members)
        for number, members in groupby(files, key=lambda listed: listed.group)
    ]
    chosen = []
    for some in sets:
        if room > 0:
            chosen.append(some[:room])
            room -= len(some[:room])
    return chosen


def _shown(listed: Listed, root: Path) -> _Shown:
    return _Shown(listed.path, listed.note, thumbnail_uri(root / listed.path, SIDE_PX))
