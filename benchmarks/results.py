"""RESULTS.md: the newest findings of each measurement, with the day and the machine."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from benchmarks.comparison import Effort, Findings, Part, as_text
from benchmarks.machine import describe

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

Written by `make bench`. Each row is a ratio inside one run on one machine: ours and what it is held against
take turns; the ratio is the median of the rounds, with the lowest and the highest. On shared cores times
alone say little.
"""


def keep(part: Part, findings: Findings, effort: Effort) -> None:
    """Put the findings in the part's place in RESULTS.md, or at its end."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else HEAD
    chapter = _chapter(part, findings, effort)
    mark = re.escape(f"<!-- {part.name} -->")
    old = re.compile(rf"^## [^\n]*\n{mark}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    text, replaced = old.subn(lambda _: chapter, text)
    if not replaced:
        text = f"{text.rstrip()}\n\n{chapter}"
    RESULTS.write_text(f"{text.rstrip()}\n", encoding="utf-8")


def _chapter(part: Part, findings: Findings, effort: Effort) -> str:
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    how = f"`python -m benchmarks {part.name}`, {day}, {effort.rounds} rounds of {effort.seconds:g} s or so."
    return f"## {part.title}\n<!-- {part.name} -->\n\n{how} {describe()}.\n\n{as_text(findings)}\n\n"
