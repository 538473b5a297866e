"""What the documents consist of: code blocks, code spans, links, and the commands that they name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.generate_reference import ROOT_PAGES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GUIDES = [README, *sorted(DOCS.rglob("*.md"))]
ALL = [*GUIDES, *(ROOT / name for name in ROOT_PAGES)]

BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PROGRAM = re.compile(r"(?:\.venv/bin/)?(edge-agent|edge-train)$")


@dataclass(frozen=True)
class Command:
    """One call of a program, as a document writes it."""

    program: str
    words: tuple[str, ...]


def read(path: Path) -> str:
    """A file's text."""
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return [
        re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        for indent, found, body in BLOCK.findall(text)
        if found == language
    ]


def spans(text: str) -> list[str]:
    """What stands between single backticks, outside of blocks."""
    return SPAN.findall(BLOCK.sub("", text))


def links(text: str) -> list[str]:
    """Targets of links and pictures, outside of code."""
    return LINK.findall(SPAN.sub("", BLOCK.sub("", text)))


def shell_lines(text: str) -> Iterator[str]:
    """Every line that a reader may type: those of the shell blocks, and code spans."""
    for block in blocks(text, "bash"):
        yield from block.splitlines()
    yield from spans(text)


def commands(text: str) -> Iterator[Command]:
    """The calls of edge-agent and edge-train among these lines."""
    for line in shell_lines(text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        while words and words[0] in {"sudo", "$"}:
            del words[: 3 if words[1:2] == ["-u"] else 1]
        if words and (found := PROGRAM.match(words[0])):
            yield Command(found[1], tuple(words[1:]))


def make_targets(text: str) -> set[str]:
    """The targets of every `make …`."""
    named: set[str] = set()
    for line in shell_lines(text):
        words = line.split("#")[0].split()
        if words[:1] == ["make"]:
            named |= {word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)}
    return named
