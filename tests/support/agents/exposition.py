"""A strict reader of Prometheus' text format 0.0.4: anything that is not plainly allowed is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
SAMPLE = re.compile(rf"^({NAME})(?:\{{(.+)\}})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$")
HELP = re.compile(rf"^# HELP ({NAME}) (\S.*)$")
TYPE = re.compile(rf"^# TYPE ({NAME}) (counter|gauge|summary)$")
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Key = tuple[str, frozenset[tuple[str, str]]]


def parse(text: str) -> dict[Key, float]:
    """Each sample by its name and labels; raises ValueError."""
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    values: dict[Key, float] = {}
    for family, kind, lines in _families(text[:-1].split("\n")):
        if (kind == "counter") != family.endswith("_total"):
            raise ValueError(f"{family} is a {kind}")
        for line in lines:
            key, value = _sample(line)
            if key[0] != family or key in values:
                raise ValueError(f"out of place or twice: {line}")
            if kind == "counter" and value < 0:
                raise ValueError(f"a counter below 0: {line}")
            values[key] = value
    return values


def _families(lines: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, kind and sample lines of each family, in one group each, HELP and TYPE first."""
    seen: set[str] = set()
    starts = [index for index, line in enumerate(lines) if line.startswith("# HELP")]
    if not starts or starts[0] != 0:
        raise ValueError("it does not begin with a HELP")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        named, typed = HELP.match(lines[start]), TYPE.match(lines[start + 1])
        if not named or not typed or named[1] != typed[1] or named[1] in seen or end == start + 2:
            raise ValueError(f"a bad family: {lines[start]}")
        seen.add(named[1])
        yield named[1], typed[2], lines[start + 2 : end]


def _sample(line: str) -> tuple[Key, float]:
    match = SAMPLE.match(line)
    if not match:
        raise ValueError(f"not a sample: {line}")
    labels, position, text = {}, 0, match[2] or ""
    while position < len(text):
        label = LABEL.match(text, position)
        if not label or label[1] in labels:
            raise ValueError(f"bad labels: {line}")
        labels[label[1]] = re.sub(r"\\.", lambda found: ESCAPES[found[0]], label[2])
        position = label.end()
    return (match[1], frozenset(labels.items())), float(match[3])
