"""Label lists: the usual forms of the file, and which output of a network each label belongs to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelError

MAX_LABELS_BYTES = 4 * 1024 * 1024
MAX_LABEL = 200
NUMBERED = re.compile(r"([0-9]{1,9})(?:\s*:\s*|\s+)(\S.*)")
BACKGROUND_NAMES = frozenset({"background", "__background__", "dummy"})
IMAGENET = 1000  # its networks often have one output more, the first, for "none of them"


@dataclass(frozen=True, slots=True)
class OutputLabels:
    """The labels to report, in output order, and the output that stands for none of them, if there is one."""

    labels: tuple[str, ...]
    background: int | None = None


def read_labels(path: Path) -> tuple[str, ...]:
    """Read a label list of somebody's, in the model's output order; raises ModelError.

    One a line, or all with their number in front (`0 cat`, `0:cat`). Of labels that occur twice the second
    becomes `crane (2)`, as every answer must name one output.
    """
    advice = "give a UTF-8 text file with one label a line"
    try:
        if path.stat().st_size > MAX_LABELS_BYTES:
            raise ModelError(f"can't read the labels {path}", "the file is too large for labels", advice)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error.strerror if isinstance(error, OSError) else error)
        raise ModelError(f"can't read the labels {path}", reason, advice) from error
    return parse_labels(text, str(path))


def parse_labels(text: str, where: str) -> tuple[str, ...]:
    """The labels of a foreign list's text, as `read_labels` says; `where` is for messages."""
    labels = _without_numbers(label_lines(text, where), where)
    for number, label in enumerate(labels, 1):
        if not label.isprintable() or len(label) > MAX_LABEL:
            why = f"line {number} has control characters or is longer than {MAX_LABEL}"
            raise ModelError(f"can't use the labels {where}", why, "mend that line")
    return distinct(labels)


def label_lines(text: str, where: str) -> tuple[str, ...]:
    """The lines of a label list as they stand, without outer spaces; raises ModelError for an empty one."""
    lines = text.removeprefix("\ufeff").strip().split("\n")
    labels = tuple(line.strip() for line in lines)
    if "" in labels:
        raise ModelError(f"can't use the labels {where}", f"line {labels.index('') + 1} is empty", "name it")
    return labels


def output_labels(labels: Sequence[str], outputs: int, background: bool | None) -> OutputLabels | None:
    """Which label each of `outputs` values has; None where the labels don't fit.

    background: whether the first output stands for none of the labels; None: if it, or the last, is called
    so, or if there are 1,001 outputs and 1,000 labels.
    """
    labels = tuple(labels)
    if len(labels) == outputs:
        index = _background_index(labels, background)
        return OutputLabels(tuple(label for i, label in enumerate(labels) if i != index), index)
    if len(labels) == outputs + 1 and _is_background(labels[0]) and background is not True:
        return OutputLabels(labels[1:])
    if len(labels) == outputs - 1 and (background or (background is None and len(labels) == IMAGENET)):
        return OutputLabels(labels, 0)
    return None


def _background_index(labels: tuple[str, ...], background: bool | None) -> int | None:
    if background is not None:
        return 0 if background else None
    return next((i for i in (0, len(labels) - 1) if _is_background(labels[i])), None)


def _is_background(label: str) -> bool:
    return label.lower() in BACKGROUND_NAMES


def _without_numbers(lines: tuple[str, ...], where: str) -> tuple[str, ...]:
    found = [NUMBERED.fullmatch(line) for line in lines]
    begins = found[0] is not None and int(found[0][1]) == 0
    if not begins and not all(found):
        return lines
    names = []
    for number, match in enumerate(found):
        if match is None or int(match[1]) != number:
            why = f"line {number + 1} should begin with {number}, as the lines are numbered"
            advice = "number all lines from 0 on, or none"
            raise ModelError(f"can't use the labels {where}", why, advice)
        names.append(match[2])
    return tuple(names)


def distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels with a number behind those that occurred before: `crane (2)`."""
    seen: Counter[str] = Counter()
    taken = set(labels)
    distinct = []
    for label in labels:
        seen[label] += 1
        name = label
        while seen[label] > 1 and name in taken:
            name = f"{label} ({seen[label]})"
            seen[label] += name in taken
        taken.add(name)
        distinct.append(name)
    return tuple(distinct)
