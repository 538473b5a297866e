"""audit.json: what was found, how serious it is, what to do about it, and which files it concerns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field

from training.errors import AuditError
from training.runs import Record

Kind = Literal[
    "unreadable",
    "empty_file",
    "exact_duplicate",
    "near_duplicate",
    "across_parts",
    "across_classes",
    "imbalance",
    "tiny",
    "dark",
    "bright",
    "blurred",
    "mixed_sizes",
    "mixed_channels",
    "suspected_label",
    "few_photographs",
]
Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
# A longer list helps nobody, and audit.json stays small.
MAX_LISTED = 200


class Listed(Record):
    """One file, relative to the data folder. group: files of a finding with one number belong together."""

    path: str
    note: str = ""
    group: int | None = None


class AuditFinding(Record):
    """One kind of trouble. files: the first MAX_LISTED of `count`, the worst first."""

    kind: Kind
    severity: Severity
    message: str
    files: tuple[Listed, ...] = ()
    count: int = 0


class Summary(Record):
    """What there is. counts: photographs by label and part; shapes: "width×height" by frequency."""

    photographs: int
    counts: dict[str, dict[str, int]]
    other: int = 0
    left_out: int = 0
    shapes: dict[str, int] = Field(default_factory=dict)
    channels: dict[str, int] = Field(default_factory=dict)


class Audit(Record):
    """audit.json. labels_checked: whether wrong labels were looked for."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    data: str
    summary: Summary
    findings: tuple[AuditFinding, ...]
    labels_checked: bool = False

    def count(self, severity: Severity) -> int:
        """How many findings are this serious."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The findings as a table for the terminal: what, how serious, how many files."""
        return [(f.message, f.severity, str(f.count) if f.count else "") for f in self.findings]


def make_finding(kind: Kind, severity: Severity, message: str, files: Sequence[Listed] = ()) -> AuditFinding:
    """A finding with its list of files cut to MAX_LISTED."""
    return AuditFinding(
        kind=kind, severity=severity, message=message, files=tuple(files[:MAX_LISTED]), count=len(files)
    )


def sort_findings(findings: Iterable[AuditFinding]) -> tuple[AuditFinding, ...]:
    """The most serious first, those with most files first among them."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -f.count, f.kind)))


def refuse_findings(audit: Audit) -> None:
    """Raise AuditError where there is an error or a warning: what `--strict` asks for."""
    serious: Counter[Severity] = Counter(f.severity for f in audit.findings if f.severity != "note")
    if serious:
        told = " and ".join(f"{serious[s]} {s}{'s' * (serious[s] != 1)}" for s in SEVERITIES if serious[s])
        first = next(f.message for f in audit.findings if f.severity != "note")
        raise AuditError(f"the audit of {audit.data} has {told}", first, "mend it, or leave out --strict")
