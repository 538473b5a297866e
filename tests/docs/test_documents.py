"""What the documents name exists: files, make targets, commands, options, keys, reasons, rooms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from docs.generate_reference import ROOT_PAGES, agent_keys, command_tree
from edge.cli import app as agent_app
from edge.records import UnknownReason
from tests.docs import documents
from tests.docs.documents import ALL, DOCS, GUIDES, README, ROOT, read
from training.cli import app as train_app
from training.network.backbones.registry import BACKBONES

MAX_README_WORDS = 900
SPINE_LINES = range(1200, 2601)  # "about 2,000 lines": what one reads in an afternoon
ROOMS = ("edge", "training")
PROGRAMS = {
    program: dict(command_tree(program, typer.main.get_command(app)))
    for program, app in (("edge-agent", agent_app), ("edge-train", train_app))
}
ROOT_FOLDERS = r"(?:edge|training|tests|deploy|benchmarks|docs|\.ci)/"
REPOSITORY_PATH = re.compile(rf"{ROOT_FOLDERS}[\w./-]+")
# paths on a broker, a device or in a run, which look like ours
ELSEWHERE = ("edge/<", "edge/+", "edge/kitchen", "deploy/debian/edge-agent/")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def options_of(command: Any) -> set[str]:
    names = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    return {"--help", *(name for name in names if name.startswith("-"))}


def words_of_table(text: str, heading: str) -> list[str]:
    """The first code span of each row of the first table whose head begins with `heading`."""
    table = text[text.index(f"| {heading}") :].split("\n\n")[0].splitlines()[2:]
    return [word for row in table for word in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_relative_links_and_pictures_exist(path: Path) -> None:
    targets = [link.split("#")[0] for link in documents.links(read(path)) if "://" not in link]

    assert [target for target in targets if target and not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_make_targets_exist(path: Path) -> None:
    makefile = read(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))

    assert documents.make_targets(read(path)) - targets == set()


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_commands_and_their_options_exist(path: Path) -> None:
    wrong = []
    for command in documents.commands(read(path)):
        name, words = command.program, list(command.words)
        while words and f"{name} {words[0]}" in PROGRAMS[command.program]:
            name = f"{name} {words.pop(0)}"
        found = PROGRAMS[command.program][name]
        if words and hasattr(found, "list_commands") and re.fullmatch(r"[a-z][a-z-]+", words[0]):
            wrong.append(f"{name}: no command {words[0]}")
        given = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        wrong += [f"{name}: no option {option}" for option in sorted(given - options_of(found))]

    assert wrong == []


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_options_in_the_prose_exist(path: Path) -> None:
    known = {
        option for tree in PROGRAMS.values() for command in tree.values() for option in options_of(command)
    }
    named = {span.split()[0].split("=")[0] for span in documents.spans(read(path)) if span[:2] == "--"}

    assert named - known == set()


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_files_in_the_prose_exist(path: Path) -> None:
    named = {span for span in documents.spans(read(path)) if REPOSITORY_PATH.fullmatch(span)}

    assert {name for name in named if not (ROOT / name).exists() and not name.startswith(ELSEWHERE)} == set()


def test_every_page_has_its_place_in_the_navigation() -> None:
    navigation = read(ROOT / "mkdocs.yml").split("nav:\n")[1]
    pages = set(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)) - set(ROOT_PAGES.values())

    assert pages == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}


def test_the_readme_is_short() -> None:
    assert len(read(README).split()) <= MAX_README_WORDS


@pytest.mark.parametrize("package", ROOMS)
def test_the_readmes_tree_names_exactly_the_rooms_that_exist(package: str) -> None:
    tree = next(block for block in documents.blocks(read(README), "text") if f"{package}/" in block)
    part = re.split(r"^(?=\S)", tree, flags=re.MULTILINE)
    mine = next(lines for lines in part if lines.startswith(f"{package}/"))
    named = set(re.findall(r"^  ([a-z_]+)/", mine, re.MULTILINE))

    assert named == {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}


def test_the_reasons_for_unknown_are_all_described() -> None:
    text = read(DOCS / "mqtt.md")
    described = words_of_table(text, "`unknown_reason` | meaning")

    assert sorted(described) == sorted(get_args(UnknownReason))


def test_the_backbones_are_all_described() -> None:
    text = read(DOCS / "train.md")

    assert sorted(words_of_table(text, "backbone")) == sorted(BACKBONES)


def test_every_key_of_the_configuration_is_explained() -> None:
    unexplained = [row for row in agent_keys().splitlines() if row.startswith("| `") and row.endswith("|  |")]

    assert unexplained == []


def test_the_spine_is_as_long_as_promised() -> None:
    text = read(DOCS / "architecture.md")
    files = [ROOT / name for name in words_of_table(text, "file")]

    assert sum(len(read(path).splitlines()) for path in files) in SPINE_LINES
